"""Settings of each scale and helpers of the rules; no rules here."""

from types import SimpleNamespace

from spectral_relevance.replication.calibration import table_files
from spectral_relevance.replication.captions import judged, shown_settings
from spectral_relevance.replication.claims import read_claims, table_paths
from spectral_relevance.replication.datasets.kinds import kinds
from spectral_relevance.replication.figures.catalogue import final_files, read_figures
from spectral_relevance.replication.methods import METHODS
from spectral_relevance.replication.peers import PEERS
from spectral_relevance.replication.places import check_checkout, check_python
from spectral_relevance.replication.settings import blocks, dataset_request, resolve
from spectral_relevance.sources import fingerprints

SCALES = ("paper", "quick")

try:
    check_checkout(workflow.basedir)
    check_python(sys.executable)
    SETTINGS = {scale: resolve(config, scale) for scale in SCALES}
    CLAIMS = read_claims(Path(workflow.basedir, "config/claims.yaml"))
    FIGURES = read_figures(Path(workflow.basedir, "config/figures.yaml"))
except UserError as error:
    raise WorkflowError(str(error)) from None

if (
    workflow.is_main_process
    and Path("results").is_dir()
    and not any(Path(".snakemake/metadata").glob("*"))
):
    print(
        "results/ came without its records, .snakemake/. If too much is planned:\n"
        "Hint: `snakemake --touch --cores 1 SCALE` takes results as they are.",
        file=sys.stderr,
    )


RAW = {name: kind.raw for name, kind in kinds().items() if kind.raw}
EXPERIMENTS = list(SETTINGS["paper"]["experiments"])


wildcard_constraints:
    scale="|".join(SCALES),
    experiment="|".join(EXPERIMENTS),
    method="[a-z0-9_]+",
    block=r"\d+(-\d+)?",
    design="[a-z][a-z0-9_]*",
    peer="[a-z][a-z0-9_]*",


def growing(amount):
    """A need that grows with each attempt, after a scheduler has stopped a job."""
    return lambda wildcards, attempt: amount * attempt


def code(script, *modules):
    """Digests of the sources that a script depends on, by name.

    Snakemake does not see imports. As a parameter, unlike as input files, they neither
    depend on where the checkout lies nor on the times of its files.

    Parameters
    ----------
    script : str
        The script of the rule.
    *modules : str
        Full names of modules that it imports by their names.
    """
    paths = [f"{name.partition('.')[2].replace('.', '/')}.py" for name in modules]
    return fingerprints(Path(workflow.basedir, "workflow/scripts", script), *paths)


def experiment(wildcards):
    """Settings of an experiment at the scale of a target."""
    return SETTINGS[wildcards.scale]["experiments"][wildcards.experiment]


def block_seeds(wildcards):
    """Seeds of one training job."""
    found = blocks(experiment(wildcards))
    if wildcards.block not in found:
        raise UserError(
            f"{wildcards.experiment}: expected a block of seeds, found "
            f"{wildcards.block!r}.",
            f"at the {wildcards.scale} scale there are {', '.join(found)}.",
        )
    return found[wildcards.block]


def block_files(template):
    """Input function: one file of each training job of an experiment."""

    def files(wildcards):
        return expand(template, block=blocks(experiment(wildcards)), **wildcards)

    return files


def recorded_settings(wildcards):
    """Settings without mirrors: an address may hold a password."""
    settings = SETTINGS[wildcards.scale]
    data = {name: {"files": each["files"]} for name, each in settings["data"].items()}
    return {**settings, "data": data}


def dataset_file(wildcards):
    """File with the examples of an experiment.

    It is that of the experiment it extends unless the dataset is another one.
    """
    experiments = SETTINGS[wildcards.scale]["experiments"]
    name, wanted = wildcards.experiment, dataset_request(experiment(wildcards))
    while base := config["experiments"][name].get("extends"):
        if dataset_request(experiments[base]) != wanted:
            break
        name = base
    return f"results/{wildcards.scale}/datasets/{name}/data.npz"


def datasets(scale):
    """All datasets of one scale, and the line bands."""
    files = {
        dataset_file(SimpleNamespace(scale=scale, experiment=name))
        for name in EXPERIMENTS
    }
    return [f"results/{scale}/line_bands.csv", *sorted(files)]


def dataset_kind(wildcards):
    """Kind of the dataset of an experiment; all its variants have the same."""
    return experiment(wildcards)["dataset"]["kind"]


def raw_files(kind):
    """Downloaded files that a kind of dataset is made from, the same at each scale."""
    if kind not in RAW:
        return []
    folder, files = RAW[kind].folder, SETTINGS["paper"]["data"][kind]["files"]
    return [f"{folder}/{name}" for name in files]


def raw_arguments(kind):
    """Where the raw files lie, as arguments of the functions that read them."""
    if kind not in RAW:
        return {}
    return RAW[kind].arguments(
        RAW[kind].folder, SETTINGS["paper"]["data"][kind]["files"]
    )


def sources_file(kind):
    """Where it is recorded from where the raw files came."""
    return f"data/{kind}/sources.json"


def training_settings(wildcards):
    """The settings of each variant that training depends on."""
    parts = ("network", "regularisation", "training")
    variants = experiment(wildcards)["variants"]
    return {name: {p: v[p] for p in parts} for name, v in variants.items()}


def method_module(wildcards):
    """Full name of the module of a method."""
    if wildcards.method not in METHODS:
        raise UserError(
            f"expected a relevance method, found {wildcards.method!r}.",
            f"the methods are {', '.join(sorted(METHODS))}.",
        )
    return METHODS[wildcards.method]


def method_settings(wildcards):
    """Settings of a method for an experiment."""
    method_module(wildcards)
    return experiment(wildcards)["methods"].get(wildcards.method, {})


def comparison_settings(wildcards):
    """What is compared on an experiment, with the settings of the methods."""
    settings = experiment(wildcards)
    comparison = settings.get("comparison")
    if comparison is None:
        raise UserError(f"experiments.{wildcards.experiment} has no comparison.")
    methods = {name: settings["methods"][name] for name in comparison["methods"]}
    return {**comparison, "methods": methods}


def controls_settings(wildcards):
    """What the ranking of an experiment is judged beside."""
    controls = experiment(wildcards).get("controls")
    if controls is None:
        raise UserError(f"experiments.{wildcards.experiment} has no controls.")
    return controls


def norms_table(wildcards):
    """Column norms of the standard network that is a control of an experiment."""
    standard = controls_settings(wildcards)["norms"]["experiment"]
    return f"results/{wildcards.scale}/relevance/{standard}/spectral.csv"


def lrp_settings(wildcards):
    """Settings of the LRP rules whose theory is tested."""
    methods = experiment(wildcards)["methods"]
    return {**methods["lrp_epsilon"], **methods["lrp_gamma"]}


def caption_settings(number):
    """Parameter function: settings of what a figure shows, in words for its caption."""

    def settings(wildcards):
        return shown_settings(FIGURES[number], SETTINGS[wildcards.scale])

    return settings


def scaling_settings(wildcards):
    """What is timed, with the settings of the methods."""
    settings = SETTINGS[wildcards.scale]
    timed = settings["scaling"]["methods"]
    methods = {k: {**settings["methods"][k], **v} for k, v in timed.items()}
    return {**settings["scaling"], "methods": methods}


def peer_module(wildcards):
    """Full name of the module of a peer."""
    peers = SETTINGS[wildcards.scale]["selection"]["draws"]
    if wildcards.peer not in peers:
        raise UserError(
            f"expected a method that selects, found {wildcards.peer!r}.",
            f"selection.draws of the configuration has {', '.join(peers)}.",
        )
    return PEERS[wildcards.peer]


def calibration_settings(wildcards):
    """A design, how many draws of it a peer is given, and the rate that is asked for."""
    settings = SETTINGS[wildcards.scale]["selection"]
    peer_module(wildcards)
    if wildcards.design not in settings["designs"]:
        raise UserError(
            f"expected a design of selection.designs, found {wildcards.design!r}.",
            f"at the {wildcards.scale} scale there are {', '.join(settings['designs'])}.",
        )
    return {
        "design": settings["designs"][wildcards.design],
        "draws": settings["draws"][wildcards.peer],
        "fdr": settings["fdr"],
    }


def calibration_tables(wildcards):
    """What each peer selects in each design."""
    scale = wildcards.scale
    return table_files(scale, SETTINGS[scale]["selection"])


def claim_tables(wildcards):
    """Tables that the claims are judged from."""
    return [f"results/{wildcards.scale}/{path}" for path in table_paths(CLAIMS)]


def print_verdicts():
    """Show how the claims fared, at each scale that has been built."""
    for scale in SCALES:
        verdicts = Path(f"results/{scale}/verdicts.txt")
        if verdicts.is_file():
            print(verdicts.read_text(encoding="utf-8"), file=sys.stderr)
