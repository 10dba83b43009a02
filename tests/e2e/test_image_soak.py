"""A short run of bench/server/image_soak.py, which normally takes half an hour."""

import json
import subprocess
import sys

from conftest import MODELS, ROOT


def test_a_crowd_of_images_then_aborts_and_bad_ones_leave_nothing_behind(braid):
    done = subprocess.run([sys.executable, ROOT / "bench" / "server" / "image_soak.py", "--braid", braid.path, "--model-path",
                           MODELS / "vl_demo", "--minutes", "0.25", "--clients", "8", "--crowd", "300", "--json"],
                          capture_output=True, text=True, timeout=500, check=False)
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert not report["findings"], f"{done.stderr}\n" + "\n".join(report["findings"])
    assert done.returncode == 0
    kinds = {"known", "new", "bad", "bad beside good", "leaves", "leaves at once"}
    assert kinds <= {kind for kind, count in report["requests"].items() if count > 0}, report
