"""One minute of bench/server/hostile.py, which normally runs for an hour."""

import json
import subprocess
import sys

from conftest import ROOT


def test_a_hostile_minute_harms_nobody(braid, default_model):
    done = subprocess.run([sys.executable, ROOT / "bench" / "server" / "hostile.py", "--braid", braid.path, "--model-path", default_model,
                           "--minutes", "1", "--json"], capture_output=True, text=True, timeout=400)
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert not report["findings"], f"{done.stderr}\n" + "\n".join(report["findings"])
    assert done.returncode == 0
    assert report["witness"]["answers"] > 5 and report["rounds"] > 50, report
