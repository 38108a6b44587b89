"""The command line itself: help from the tables, options, near misses, exit codes, closed outputs."""
import json
import os
import re
import shutil
import subprocess

import pytest

import conftest


def command_rows(tree):
    text = re.sub(r"/\*.*?\*/", "", (tree / "src/cli/commands.def").read_text(), flags=re.S)
    return re.findall(r'^CMD\("([^"]+)", "([^"]*)"', text, re.M)


def op_rows(tree):
    return re.findall(r'^OP\("([^"]+)"', (tree / "src/station/ops.def").read_text(), re.M)


def test_overview(clinic, tree):
    text = clinic("help", expect=0).text
    assert text.startswith("Examples")
    for words, _ in command_rows(tree):
        assert f"\n  {words} " in text, words
    assert "Not a medical device" in text
    assert clinic("--help", expect=0).text == text
    assert clinic(expect=0).text == text  # no terminal: no screens, help instead


def test_help_of_every_command(clinic, tree):
    rows = command_rows(tree)
    assert len(rows) > 50
    for words, _ in rows:
        text = clinic("help", *words.split(), expect=0).text
        assert text.startswith("  clinic "), words  # examples first
        assert f"\nclinic {words}" in text
        if words != "help":  # "clinic help --help" is the overview
            assert clinic(*words.split(), "--help", expect=0).text == text


# Operations of the screens and of programs alone: no person types them.
NO_COMMAND = {"session.show", "session.unlock", "drafts.save", "drafts.load", "drafts.drop"}


def test_every_operation_is_a_command(tree):
    reached = {op for _, op in command_rows(tree)}
    missing = set(op_rows(tree)) - reached - NO_COMMAND
    assert not missing
    assert reached - {""} <= set(op_rows(tree))


def test_examples_parse(clinic, tree):
    """Each example of the help is accepted by the parser: with --help behind it, only parsing happens."""
    shell = re.compile(r"\s+[0-9]?[<>|].*$")
    for words, _ in command_rows(tree):
        for line in clinic("help", *words.split()).text.split("\n\n")[0].splitlines():
            arguments = subprocess.run(["bash", "-c", "printf '%s\\0' " + shell.sub("", line.strip())], capture_output=True,
                                       check=True).stdout.decode().split("\0")[1:-1]
            answer = clinic(*arguments, "--help")
            assert answer.rc == 0, (line, answer.err)


def test_manual_and_completion(clinic, tree, tmp_path):
    manual = clinic("help", "--man", expect=0)
    for words, _ in command_rows(tree):
        assert f"clinic {words}" in manual.text
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-Tascii", "-ww"], input=manual.out, capture_output=True)
        assert done.returncode == 0 and done.stderr == b""
    script = clinic("help", "--completion", expect=0).text
    (tmp_path / "c.bash").write_text(script)

    def complete(*line):
        words = " ".join(f"'{w}'" for w in line)
        done = subprocess.run(["bash", "-c", f". ./c.bash; COMP_WORDS=({words}); COMP_CWORD={len(line) - 1}; _clinic; echo ${{COMPREPLY[*]}}"],
                              cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0 and done.stderr == ""
        return done.stdout.split()
    assert "predict" in complete("clinic", "pre") and "preview" in complete("clinic", "pre")
    assert set(complete("clinic", "model", "")) == {"list", "show", "test", "run"}
    assert "--threshold" in complete("clinic", "predict", "--th")
    assert "--layers" in complete("clinic", "model", "show", "--")


@pytest.mark.parametrize("arguments, words", [
    (["predct"], "did you mean 'clinic predict'"), (["model"], "goes on with one of"), (["model", "shw"], "did you mean 'clinic model show'"),
    (["predict"], "needs file"), (["predict", "--modle", "x", "f"], "did you mean --model"), (["xyzzy"], "No command 'xyzzy'"),
    (["predict", "f", "--threads", "many"], "not a whole number"), (["predict", "f", "--model"], "needs a value"),
    (["version", "more"], "one word too many"), (["bench", "a", "b"], "one word too many"), (["predict", "f", "--json=1"], "takes no value"),
    (["predict", "f", "--jobs", "0"], "not in 1..64"), (["predict", "f", "--jobs", "65"], "not in 1..64"),
])
def test_wrong_use(clinic, arguments, words):
    answer = clinic(*arguments, expect=2)
    assert words in answer.talk and answer.out == b""
    assert re.match(r"clinic: E\d{3} ", answer.talk) and answer.talk.count("\n") == 1
    error = clinic(*arguments, "--json", expect=2).error if "--json=1" not in arguments else None
    if error:
        assert set(error) >= {"error", "detail", "code"}


def test_options_may_stand_before(clinic):
    assert clinic("--json", "version", expect=0).json == clinic("version", "--json", expect=0).json
    assert clinic("--version", expect=0).text == clinic("version", expect=0).text
    full = clinic("version", "--full", "--json", expect=0).json
    assert set(full) >= {"version", "compiler", "isa", "system"}


def test_double_dash_ends_options(clinic, tree, tmp_path):
    shutil.copy(tree / "samples" / "chest-normal-2.png", tmp_path / "-odd.png")
    o = clinic("predict", "--json", "--", "-odd.png", cwd=tmp_path, expect=0).json
    assert o["file"] == "-odd.png"


@pytest.mark.parametrize("name", [b"a\x1b[2Jb.png", b"\xff\xfe.png", "r\u202etxt.png".encode(), b"new\nline.png", b"tab\t.png"])
def test_names_are_shown_safely(clinic, tree, tmp_path, name):
    target = os.path.join(os.fsencode(tmp_path), name)
    shutil.copy(tree / "samples" / "chest-normal-2.png", target)
    for more in ([], ["--json"]):
        done = subprocess.run([str(conftest.BINARY), "predict", target, *more], capture_output=True, env=clinic.env)
        assert done.returncode == 0
        text = done.stdout.decode("utf-8")
        assert not any(ord(c) < 32 and c != "\n" or c in "\x7f\u202e" for c in text)
        if more:
            json.loads(text)
    os.unlink(target)
    done = subprocess.run([str(conftest.BINARY), "predict", target], capture_output=True, env=clinic.env)
    assert done.returncode == 4 and not any(c < 32 and c != 10 for c in done.stderr)
    done.stderr.decode("utf-8")


def test_full_output_is_an_error(clinic):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([str(conftest.BINARY), "help"], stdout=full, stderr=subprocess.PIPE, env=clinic.env)
    assert done.returncode == 5 and b"E505" in done.stderr


def test_doctor_and_health(clinic):
    o = clinic("doctor", "--json").json
    names = [c["name"] for c in o["checks"]]
    for wanted in ("settings", "processor", "station folder", "cache folder", "network folder", "cage", "networks", "default network"):
        assert wanted in names
    assert all(c["ok"] or c["advice"] for c in o["checks"])
    assert o["ok"] is True
    health = clinic("health", "--json", expect=0).json
    assert health["status"] == "healthy" and health["version"] == clinic("version", "--json").json["version"]


def test_doctor_finds_faults(clinic, tmp_path):
    answer = clinic("doctor", "--json", env={"CLINIC_MODELS": str(tmp_path / "none")}, expect=5)
    bad = {c["name"] for c in answer.json["checks"] if not c["ok"]}
    assert {"network folder", "networks", "default network"} <= bad
    assert "FAIL" in clinic("doctor", env={"CLINIC_MODELS": str(tmp_path / "none")}, expect=5).text
    assert clinic("doctor", "--json", env={"CLINIC_THREADS": "many"}, expect=5).json["ok"] is False


def test_sign_in_is_asked_for(clinic):
    """Without a session a command of people exits 3 and says how to sign in."""
    answer = clinic("results", "list", "--json", expect=3)
    assert answer.out == b"" and answer.error["error"] == "Not signed in"
    answer = clinic("results", "list", "--token-file", "none", "--json", expect=3)
    assert answer.error["error"] == "Not signed in"


def test_token_file_must_be_private(clinic, tmp_path):
    token = tmp_path / "token"
    token.write_text("x")
    token.chmod(0o644)
    answer = clinic("results", "list", "--token-file", token, "--json", expect=3)
    assert "0600" in answer.error["message"]


def test_demo(clinic, tmp_path):
    answer = clinic("demo", "--output", tmp_path / "out", expect=0, timeout=120)
    saved = sorted((tmp_path / "out").glob("*.json"))
    assert len(saved) == 11
    for path in saved:
        o = json.loads(path.read_text())
        assert o["prediction"] in answer.text and str(path) in answer.text
        assert f"{o['confidence']:.1f} %" in answer.text
    assert "\x1b" not in answer.text and "not a diagnosis" in answer.text
    assert "of the person" not in answer.text
