"""What the system tells of the processor; without torch, which takes a second."""


def about_processor(fact: str) -> str | None:
    """Return what Linux says of the first processor, such as its ``model name``."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:  # of one processor after the other
                name, _, value = line.partition(":")
                if name.strip() == fact:
                    return value.strip()
    except OSError:
        pass
    return None
