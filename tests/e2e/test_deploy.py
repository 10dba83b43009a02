"""deploy/ holds to the program: flags that it knows, ports that agree, files that their own programs can read."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml
from conftest import MODELS, ROOT
from server import Server

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
UNITS = sorted(DEPLOY.glob("*.service"))
FLAG = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]+)")
needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


@pytest.fixture(scope="module")
def serve_flags(braid):
    return set(FLAG.findall(braid.ok("serve", "--help")))


def container(stateful_set):
    return stateful_set["spec"]["template"]["spec"]["containers"][0]


def objects(path):
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one]


def one_of_kind(kind, path):
    return next(one for one in objects(path) if one["kind"] == kind)


def built(overlay):
    done = subprocess.run(["kubectl", "kustomize", KUBERNETES / overlay], capture_output=True, text=True, check=True)
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def test_flags_are_those_of_serve(serve_flags):
    script = (DEPLOY / "slurm" / "braid.sbatch").read_text(encoding="utf-8")
    ranks = " ".join(line for line in script.splitlines() if re.search(r"^layout=|braid rank", line))
    pods = " ".join(container(one_of_kind("StatefulSet", KUBERNETES / "base" / "statefulset.yaml"))["args"])
    docker = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    units = " ".join(line for unit in UNITS for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
    used = {"slurm": FLAG.findall(ranks), "kubernetes": FLAG.findall(pods), "units": FLAG.findall(units),
            "docker": FLAG.findall(docker[:docker.index("FROM")].split("braid serve")[2])}
    assert all(used.values()), used
    assert {flag for flags in used.values() for flag in flags} - serve_flags == set()


@pytest.mark.parametrize("name", ["serve.conf", "node.conf"])
def test_configurations_are_read(braid, name, tmp_path, serve_flags):
    """Also with the settings that are left to the reader."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    commented = re.sub(r"^# ([a-z0-9-]+ = )", r"\1", text, flags=re.MULTILINE)
    names = re.findall(r"^([a-z0-9-]+)(?: = |$)", commented, re.MULTILINE)
    assert "model-path" in names and set(names) - serve_flags == set()
    nowhere = commented.replace("/srv/models/Qwen3-0.6B", str(tmp_path / "nowhere")).replace("/etc/braid", str(tmp_path))
    (tmp_path / "api-key").write_text("secret")
    subprocess.run(braid.command("keygen", tmp_path / "cluster.key"), check=True)
    config = tmp_path / name
    config.write_text(nowhere)
    more = ["--cluster-key-file", tmp_path / "cluster.key"] if name == "node.conf" else []
    assert "nowhere" in braid.run("serve", "--config", config, *more, "--port", 0).stderr


def test_ports_and_names_agree():
    pod = one_of_kind("StatefulSet", KUBERNETES / "base" / "statefulset.yaml")
    args = dict(arg.removeprefix("--").split("=", 1) for arg in container(pod)["args"] if "=" in arg)
    ports = {port["name"]: port["containerPort"] for port in container(pod)["ports"]}
    assert ports == {"http": int(args["port"]), "nodes": int(args["coordinator-port"])}
    services = {one["metadata"]["name"]: one for one in objects(KUBERNETES / "base" / "services.yaml")}
    for service in services.values():
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= set(ports)
    assert services[pod["spec"]["serviceName"]]["spec"]["publishNotReadyAddresses"]  # nodes look before they are ready
    assert pod["spec"]["replicas"] == int(args["nnodes"]) == int(args["dp-size"])
    variables = {entry["name"]: entry.get("value") for entry in container(pod)["env"]}
    assert variables["NODE_0_ADDRESS"] == f"{pod['metadata']['name']}-0.{pod['spec']['serviceName']}"
    assert set(re.findall(r"\$\((\w+)\)", " ".join(args.values()))) == set(variables)
    mounts = [mount["mountPath"] for mount in container(pod)["volumeMounts"]]
    assert {"/dev/shm", "/tmp"} <= set(mounts)
    for path in (args["cluster-key-file"], args["model-path"]):
        assert any(path.startswith(mount + "/") for mount in mounts), path
    docker = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert f"EXPOSE {ports['http']} {ports['nodes']}" in docker
    security = pod["spec"]["template"]["spec"]["securityContext"]
    assert f"USER {security['runAsUser']}:{security['runAsGroup']}" in docker and security["runAsNonRoot"]


def test_there_is_time_to_drain():
    pod = one_of_kind("StatefulSet", KUBERNETES / "base" / "statefulset.yaml")
    drain_s = float(next(arg for arg in container(pod)["args"] if arg.startswith("--drain-timeout=")).split("=")[1])
    pause_s = float(container(pod)["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pause_s + drain_s + 5 <= pod["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert "\nSTOPSIGNAL SIGTERM\n" in (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


@needs_kubectl
@pytest.mark.parametrize("percent", [10, 50, 100])
def test_a_canary_is_a_cluster_of_its_own(percent):
    stable = {(one["kind"], one["metadata"]["name"]): one for one in built("base")}
    canary = {(one["kind"], one["metadata"]["name"]): one for one in built(f"canary-{percent}")}
    assert not set(stable) & set(canary)
    route = canary[("HTTPRoute", "braid")]["spec"]["rules"][0]["backendRefs"]
    assert [(ref["name"], ref["weight"]) for ref in route] == [("braid", 100 - percent), ("braid-canary", percent)]
    services = {name: one["spec"]["selector"] for (kind, name), one in {**stable, **canary}.items() if kind == "Service"}
    assert services["braid"]["statefulset.kubernetes.io/pod-name"] == "braid-0"
    assert services["braid-canary"]["statefulset.kubernetes.io/pod-name"] == "braid-canary-0"
    pods = canary[("StatefulSet", "braid-canary")]
    assert pods["spec"]["serviceName"] == "braid-nodes-canary"
    assert {"name": "NODE_0_ADDRESS", "value": "braid-canary-0.braid-nodes-canary"} in container(pods)["env"]
    for own, other in ((stable, canary), (canary, stable)):
        selectors = [one["spec"].get("podSelector", one["spec"].get("selector")) for (kind, _), one in own.items()
                     if kind in ("NetworkPolicy", "PodDisruptionBudget", "StatefulSet")]
        labels = next(one for (kind, _), one in other.items() if kind == "StatefulSet")["spec"]["template"]["metadata"]["labels"]
        assert len(selectors) == 3
        for selector in selectors:
            assert not selector["matchLabels"].items() <= labels.items(), "it takes the other's pods"
    assert container(pods)["image"] != container(stable[("StatefulSet", "braid")])["image"]


def test_every_yaml_file_can_be_read():
    files = [*KUBERNETES.rglob("*.yaml"), *DEPLOY.glob("*.yml")]
    assert len(files) > 8
    for path in files:
        assert all(isinstance(one, dict) for one in objects(path)), path


@pytest.mark.parametrize("script", ["slurm/braid.sbatch", "braid-health"])
def test_scripts_are_bash(script):
    subprocess.run(["bash", "-n", DEPLOY / script], check=True)


def test_the_slurm_script_starts_and_ends_a_step(braid, tmp_path):
    """With stand-ins for srun, which runs until it is told to end, and scancel, which tells it."""
    (tmp_path / "braid").symlink_to(braid.path)
    (tmp_path / "srun").write_text('#!/bin/bash\necho "$@" > "$OUT/step"\ntrap "exit 0" USR1\n'
                                   'echo $$ > "$OUT/pid.new"; mv "$OUT/pid.new" "$OUT/pid"\nwhile true; do sleep 0.05; done\n')
    (tmp_path / "scancel").write_text('#!/bin/bash\necho "$@" > "$OUT/cancelled"\nkill -USR1 "$(cat "$OUT/pid")"\n')
    for name in ("srun", "scancel"):
        (tmp_path / name).chmod(0o755)
    key = tmp_path / "keys" / "cluster.key"
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "OUT": str(tmp_path), "SLURM_NTASKS": "2",
           "SLURM_JOB_ID": "17", "BRAID_CLUSTER_KEY": str(key)}
    job = subprocess.Popen(["bash", DEPLOY / "slurm" / "braid.sbatch", "/models/m", "--page-size", "32"], env=env)
    try:
        for _ in range(200):
            if (tmp_path / "pid").exists():
                break
            subprocess.run(["sleep", "0.05"], check=True)
        command = (tmp_path / "step").read_text().split()
        assert command[:1] == ["--mpi=pmix"] and "--kill-on-bad-exit=1" in command
        ranks = command[command.index("rank"):]
        assert ranks[ranks.index("--model-path") + 1] == "/models/m" and ranks[-2:] == ["--page-size", "32"]
        assert ranks[ranks.index("--tp-size") + 1] == ranks[ranks.index("--dp-size") + 1] == "2"
        assert key.stat().st_mode & 0o077 == 0
        job.terminate()
        assert job.wait(10) == 0
        assert (tmp_path / "cancelled").read_text() == "--signal=TERM 17.0\n"
    finally:
        job.kill()
        job.wait()


def test_health_of_a_container(braid):
    def health(what, port, node="0"):
        return subprocess.run([DEPLOY / "braid-health", what, str(port)], env={**os.environ, "NODE_RANK": node},
                              capture_output=True, timeout=20, check=False).returncode

    with Server(braid, MODELS / "gguf_qwen3" / "model.gguf") as server:
        port = int(server.url.rsplit(":", 1)[1])
        assert [health("alive", port), health("ready", port), health("well", port)] == [0, 0, 2]
        server.stop()
        assert health("alive", port) != 0 and health("ready", port) != 0
        assert health("ready", port, node="1") == 0


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_units_are_understood(unit, braid, tmp_path):
    here = tmp_path / unit.name
    here.write_text(unit.read_text(encoding="utf-8").replace("/usr/bin/braid", braid.path), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", here], capture_output=True, text=True, check=False)
    assert str(here) not in done.stderr and unit.name not in done.stderr, done.stderr


def debian_version():
    release = pathlib.Path("/etc/os-release").read_text(encoding="utf-8")
    return re.search(r'^VERSION_ID="?(\d+)', release, re.MULTILINE)[1] if "ID=debian" in release else None


@pytest.mark.skipif(debian_version() != "12", reason="the image is of Debian 12")
def test_the_image_has_the_libraries_of_the_program(braid):
    programs = [path for path in (pathlib.Path(braid.path), pathlib.Path(braid.path).parent / "braid_mpi.so") if path.exists()]
    docker = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    installed = docker[docker.rindex("FROM"):]
    libraries = set()
    for program in programs:
        dynamic = subprocess.run(["objdump", "-p", program], capture_output=True, text=True, check=True).stdout
        libraries.update(re.findall(r"NEEDED +(\S+)", dynamic))
    assert len(libraries) > 5
    owners = subprocess.run(["dpkg", "-S", *(f"*/{library}" for library in libraries)], capture_output=True, text=True,
                            check=False).stdout
    base = {"libc6", "libstdc++6", "libgcc-s1"}  # of every program, or of these
    for library in libraries:
        packages = {line.split(":")[0] for line in owners.splitlines() if line.endswith(f"/{library}")}
        assert packages & base or any(f" {package}" in installed for package in packages), (library, packages)
