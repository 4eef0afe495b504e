"""Other people's readers, from npm: gltf-validator and 3d-tiles-tools. Tests that need them skip where they are absent.

They are looked for in the folder GPSLIFT_NODE_MODULES, else in node_modules at the repository's root.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gpslift.config import REPOSITORY

MODULES = Path(os.environ.get("GPSLIFT_NODE_MODULES", REPOSITORY / "node_modules")).absolute()
VALIDATE = """
const {validateBytes} = require(process.argv[1] + '/gltf-validator');
validateBytes(new Uint8Array(require('fs').readFileSync(process.argv[2]))).then(r => console.log(JSON.stringify(r)));
"""


def gltf_report(path: Path) -> dict[str, Any]:
    """What Khronos' validator says of a GLB file."""
    return json.loads(_node("gltf-validator", "-e", VALIDATE, str(MODULES), str(path)))


def run_tiles_tools(*arguments: str) -> str:
    """What a command of 3d-tiles-tools prints; it must succeed."""
    return _node("3d-tiles-tools", str(MODULES / ".bin" / "3d-tiles-tools"), *arguments)


def _node(package: str, *arguments: str) -> str:
    node = shutil.which("node")
    if node is None or not (MODULES / package).is_dir():
        pytest.skip(f"needs node and npm's {package}; see docs/globe.md")
    done = subprocess.run([node, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
