"""What a deposit says of itself: the metadata of an RO-Crate."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from mimetypes import MimeTypes
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from requests_cache import CachedRequest, CachedResponse, CachedSession
from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate
from rocrate_validator import services

from spectral_relevance.errors import UserError
from spectral_relevance.replication.publish.archive import Record
from spectral_relevance.replication.publish.text import listed, machine

CONTEXT = "https://w3id.org/ro/crate/1.3/context"
PROFILE = "ro-crate-1.3"
WORKFLOW = "Snakefile"

MIME = MimeTypes()  # without what the system adds


@dataclass(frozen=True)
class Member:
    """Size in bytes and digest of a file."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Part:
    """Results that belong together, and how they were computed if that is known."""

    files: list[str]
    record: Record | None


def describe(
    citation: Mapping[str, Any],
    commit: str,
    date: str,
    members: Mapping[str, Member],
    parts: Mapping[str, Part],
) -> dict[str, Any]:
    """Return the metadata of a deposit; the same content gives the same.

    Parameters
    ----------
    citation : mapping
        The content of ``CITATION.cff``.
    commit, date : str
        The commit of the code, and when it was made.
    members : mapping
        All files of the deposit, by name.
    parts : mapping
        Results and how they were computed, by experiment.

    Returns
    -------
    dict
        JSON-LD as RO-Crate 1.3 has it. Each file has its ``sha256``, and each part is
        a ``CreateAction`` whose ``result`` are its files.
    """
    crate = ROCrate(version="1.3")
    crate.name = citation["title"]
    crate.description = (
        f"{' '.join(citation['abstract'].split())} Code, tables, figures, weights of "
        "the trained networks, and how they were computed."
    )
    crate.datePublished = date
    root = crate.root_dataset
    root["version"] = citation["version"]
    root["identifier"] = commit
    root["author"] = [
        crate.add(_author(crate, author, f"#author-{number}"))
        for number, author in enumerate(citation["authors"], 1)
    ]
    root["license"] = _add(
        crate,
        f"https://spdx.org/licenses/{citation['license']}",
        *("CreativeWork", citation["license"]),
        description="The license of code and results, as in the file LICENSE.",
    )
    paper = citation["preferred-citation"]
    root["citation"] = _add(
        *(crate, f"https://doi.org/{paper['doi']}", "ScholarlyArticle", paper["title"])
    )
    for name, member in sorted(members.items()):
        properties = {
            "name": name,
            "contentSize": str(member.size),
            "encodingFormat": MIME.guess_type(name)[0] or "application/octet-stream",
            "sha256": member.sha256,
        }
        if name == WORKFLOW:
            crate.add_workflow(
                dest_path=name,
                main=True,
                lang="snakemake",
                lang_version=version("snakemake"),
                properties=properties | {"version": commit},
            )
        else:
            crate.add_file(dest_path=name, properties=properties)
    for name, part in parts.items():
        _add(
            *(crate, f"#{name}", "CreateAction", name),
            description=_computed(part.record),
            instrument={"@id": WORKFLOW},
            result=[{"@id": file} for file in part.files],
            **({"endTime": part.record["written"][1]} if part.record else {}),
        )
    return crate.metadata.generate()


def _add(
    crate: ROCrate, identifier: str, kind: str, name: str, **properties: Any
) -> ContextEntity:
    """Add an entity that is no file."""
    entity = {"@type": kind, "name": name, **properties}
    return crate.add(ContextEntity(crate, identifier, entity))


def _author(crate: ROCrate, author: Mapping[str, str], number: str) -> ContextEntity:
    """Return a person or, where it has but a name, an organisation."""
    if "name" in author:
        return ContextEntity(
            crate, number, {"@type": "Organization", "name": author["name"]}
        )
    names = {"givenName": author["given-names"], "familyName": author["family-names"]}
    return ContextEntity(
        crate,
        author.get("orcid", number),
        {"@type": "Person", "name": " ".join(names.values()), **names},
    )


def _computed(record: Record | None) -> str:
    """Say how a part was computed."""
    if record is None:
        return "Drawn, judged and written from the tables."
    commits = listed([commit[:10] for commit in record["commits"]])
    stated = "" if record["recorded"] else " (as stated by hand)"
    machines = "; ".join(machine(hardware) for hardware in record["hardware"])
    return f"{record['jobs']} jobs at commit {commits}{stated} on {machines}."


def check(metadata: dict[str, Any]) -> None:
    """Raise unless a validator accepts the metadata.

    Parameters
    ----------
    metadata : dict
        As :func:`describe` returns it.

    Raises
    ------
    UserError
        With what is wrong.
    """
    with TemporaryDirectory() as folder:
        cache = Path(folder, "cache")
        _keep_context(cache)
        result = services.validate_metadata_as_dict(
            metadata,
            {
                "profile_identifier": PROFILE,
                "metadata_only": True,
                "validate_profile_checks": False,  # of the validator's own rules
                "offline": True,
                "cache_path": cache,
            },
        )
    problems = [issue.message for issue in result.get_issues()]
    if problems:
        raise UserError(
            f"the metadata of the deposit are no RO-Crate: {'; '.join(problems)}",
            "CITATION.cff has what they say of authors, license and paper.",
        )


def _keep_context(cache: Path) -> None:
    """Put the terms of RO-Crate where the validator, without network, finds them."""
    response = CachedResponse(
        content=files("rocrate").joinpath("data/ro-crate.jsonld").read_bytes(),
        headers={"Content-Type": "application/ld+json"},
        request=CachedRequest(method="GET", url=CONTEXT),
        status_code=200,
        url=CONTEXT,
    )
    with CachedSession(str(cache)) as session:
        session.cache.save_response(response)
