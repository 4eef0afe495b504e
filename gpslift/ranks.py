"""Which of several processes of one training this is, as those who start them tell it. Imports no torch."""

import os

NOT_FIRST = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK")
"""Variables that are 0 or missing in the first process, set by Lightning, torchrun, Slurm and others."""


def is_first_process() -> bool:
    """Whether this process is the one that writes files and speaks to the user."""
    if "RANK" in os.environ:
        return os.environ["RANK"] == "0"
    return all(os.environ.get(name, "0") == "0" for name in NOT_FIRST)


def local_rank() -> int:
    """The number of this process on its machine, from 0: that of its GPU."""
    return int(os.environ.get("LOCAL_RANK", os.environ.get("SLURM_LOCALID", "0")))
