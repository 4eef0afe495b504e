"""The one entry point: reads a config and overrides, and does one job with it (train if none is named)."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gpslift.config import load_config
from gpslift.config_help import print_keys
from gpslift.errors import UserError
from gpslift.ranks import is_first_process
from gpslift.runs import Interrupted, go_on_command
from gpslift.schema.run import RunConfig
from gpslift.storage import FULL_DISK
from systems.jobs import MODES, run
from systems.many import run_many

EXAMPLES = """\
examples:
  lift the Statue of Liberty from the shipped prior:
    python launch.py --config configs/statue_of_liberty.yaml --train
  the same in a fraction of the time, rougher:
    python launch.py --config configs/statue_of_liberty_quick.yaml
  the mesh of the last run, in metres:
    python launch.py --config configs/statue_of_liberty.yaml --export
  the same with stronger colours, by a second stage:
    python launch.py --config configs/refine_statue_of_liberty.yaml --train
  train an azimuth-conditioned prior on embedded photos, or on your own geotagged ones:
    python launch.py --config configs/angle2img_statue_of_liberty.yaml --train
    python launch.py --config configs/angle2img_statue_of_liberty.yaml --train data.photos=/my/photos
  lift from that prior:
    python launch.py --config configs/statue_of_liberty.yaml --train prior.path=<its run folder>
  the same of a landmark of your own, in a file with its name, latitude, longitude and height (docs/own_landmark.md):
    python launch.py --config configs/angle2img_own_landmark.yaml --train landmark=my.yaml data.photos=/my/photos
    python launch.py --config configs/own_landmark.yaml --train landmark=my.yaml prior.path=<its run folder>
  pictures from given sides:
    python launch.py --config configs/angle2img_statue_of_liberty.yaml --sample sample.azimuth=0,45,90,135
  of a city: the average of a circle, a strip along a walk:
    python launch.py --config configs/gps2img_paris.yaml --sample sample.area=48.8606,2.3376 sample.radius_m=300
    python launch.py --config configs/gps2img_paris.yaml --sample sample.walk=48.8606,2.3376,48.8738,2.2950
  go on with the last run of this config, after Ctrl-C or a crash:
    python launch.py --config configs/statue_of_liberty.yaml --train resume=last
  several configs, one after the other on a CPU, at once on as many GPUs; each says what it does in <output>/<name>.log:
    python launch.py --config configs/stonehenge.yaml configs/space_needle.yaml --train
  list every key that can be set, with type, value, range and meaning:
    python launch.py --config configs/statue_of_liberty.yaml --keys
"""
EXIT_BAD_INPUT, EXIT_INTERRUPTED = 2, 130


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    result = argparse.ArgumentParser(
        prog="launch.py",
        description="gpslift: images of places, and 3D landmarks, from photos that carry GPS tags.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    result.add_argument(
        "--config",
        required=True,
        nargs="+",
        action="extend",
        metavar="FILE",
        help="a YAML file, such as those in configs/, or several",
    )
    modes = result.add_argument_group("mode (one a call; --train if none is named)").add_mutually_exclusive_group()
    modes.add_argument("--train", action="store_true", help="train a prior, or lift a landmark; makes a run folder")
    modes.add_argument("--validate", action="store_true", help="measure the last run (or prior) and write the figures")
    modes.add_argument("--export", action="store_true", help="mesh, picture grid and turntable of the last lift")
    modes.add_argument("--sample", action="store_true", help="pictures from the last prior, of given sides or places")
    modes.add_argument("--keys", action="store_true", help="list every key of this config, then stop")
    result.add_argument("overrides", nargs="*", metavar="key=value", help="keys to set, over those in the file")
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; the exit code: 0 done, 1 one of several configs failed, 2 bad input, 130 interrupted."""
    given = parser().parse_intermixed_args(arguments)
    files = [word for word in given.config if _is_file(word)]  # an override may follow a file
    overrides = [*(word for word in given.config if not _is_file(word)), *given.overrides]
    try:
        if not files:
            raise UserError(f"none of --config {' '.join(given.config)} is a file, such as configs/stonehenge.yaml")
        configs = [load_config(file, overrides) for file in files]
        mode = next((mode for mode in MODES if getattr(given, mode)), "train")
        if given.keys:
            _list_keys(configs)
        elif len(configs) > 1:
            return run_many(files, configs, [f"--{mode}", *overrides])
        else:
            run(configs[0], mode)
    except UserError as error:
        return _complain("error: ", str(error), EXIT_BAD_INPUT)
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        message = f"the disk is full: {error.filename or 'a file'} cannot be written; free some space, or set output="
        return _complain("error: ", message, EXIT_BAD_INPUT)
    except Interrupted as stop:
        if not is_first_process():  # of several, one says it; to Lightning any other code is a failure, and it kills
            return 0
        return _complain("", f"{stop}; saved. Go on with: {go_on_command(stop.run)}", EXIT_INTERRUPTED)
    except KeyboardInterrupt:
        return _complain("", "stopped", EXIT_INTERRUPTED)
    return 0


def _list_keys(configs: Sequence[RunConfig]) -> None:
    """Prints the keys of each config, or as many as are read, as by `| head`."""
    try:
        for config in configs:
            print_keys(config)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python writes out the rest when it ends


def _is_file(word: str) -> bool:
    """Whether a word after --config is a file, not key=value; a file's name may hold a = too."""
    return "=" not in word or Path(word).is_file()


def _complain(label: str, message: str, code: int) -> int:
    """Prints one line (red for errors, on a terminal) to standard error; returns `code`."""
    red, plain = ("\033[31m", "\033[0m") if label and sys.stderr.isatty() else ("", "")
    print(f"{red}{label}{' '.join(message.split())}{plain}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
