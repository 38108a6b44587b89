"""Networks on the screens: the list, the passport card held against the passport file, layers, golden vectors."""
import json
import shutil

import pytest

from conftest import BINARY, TREE
from demo_station import demo, demo_home  # noqa: F401 (fixtures)
from screen import Screen

NETWORKS = sorted(p.stem for p in (TREE / "models").glob("*.json"))


def passport(name):
    return json.loads((TREE / "models" / f"{name}.json").read_text())


def positive(p, c):
    return c.get("positive", c["name"] == p.get("positive_class"))


def open_card(s, who, name):
    tab = {"doctor": "5", "researcher": "3", "admin": "2", "patient": "4"}[who]
    s.sign_in(who).keys(tab).wait("[" + tab + " Models]").wait(NETWORKS[0])
    s.keys(*["Down"] * NETWORKS.index(name), "Enter").wait(f"- {name} -")
    return s.wait(passport(name)["title"])


def words(s, left=0, right=None):
    """What stands on the screen between these columns, without borders and line ends."""
    return " ".join(" ".join(line[left:right].replace("|", " ") for line in s.lines).split())


@pytest.mark.parametrize("who", ["patient", "doctor", "researcher", "admin"])
def test_list(demo, who):
    with Screen(demo, BINARY) as s:
        s.sign_in(who)
        tab = next(w for w in s.lines[0].replace("[", " ").replace("]", " ").split("  ") if "Models" in w).split()
        s.keys(tab[tab.index("Models") - 1]).wait("default")
        for name in NETWORKS:
            assert name in s.text
        assert any("chest-pneumonia" in line and "default" in line for line in s.lines)
        s.keys("Down").wait(f"- {NETWORKS[1]} -")
        assert ", ".join(c["name"] for c in passport(NETWORKS[1])["classes"]) in words(s)


@pytest.mark.parametrize("name", NETWORKS)
def test_card_says_what_the_passport_says(demo, name):
    p = passport(name)
    with Screen(demo, BINARY, 200, 60) as s:
        open_card(s, "doctor", name).wait("ms a picture on this machine")
        purpose, measured, layers = words(s, 0, 64), words(s, 64, 128), words(s, 128)  # three panes
        places = [purpose.index(f"{i} [{'!!' if positive(p, c) else ' '}] {c['name']}") for i, c in enumerate(p["classes"])]
        assert places == sorted(places)  # in the order of the outputs
        for point in p.get("operating_points", []):
            assert f"threshold {point['threshold']:.3f}" in purpose
        for line in p["limits"] + p["preprocessing"]["steps"]:
            assert " ".join(line.split()) in purpose
        figures = p["metrics"][0]
        low, high = figures["accuracy"]["ci95"]
        assert f"accuracy {figures['accuracy']['value']:.3f} [{low:.3f}-{high:.3f}]" in measured
        assert f"{figures['n']} pictures" in measured
        assert p["sha256"] in measured.replace(" ", "") and f"{p['training']['parameters']:,}" in measured
        shown = demo("doctor", "model", "show", name, "--json", expect=0).json
        assert f"Layers of {name}: {shown['layer_count']}" in layers


@pytest.mark.parametrize("key", ["c", "t"])
def test_golden_vectors(demo, key):
    with Screen(demo, BINARY, 132, 43) as s:
        open_card(s, "researcher", "chest-pneumonia").keys(key).wait("PASSED: 2 golden vectors reproduced")
        s.wait("PASSED: 2 cases reproduced")
        s.keys("q").wait("default").keys(key).wait(f"{NETWORKS[1]}: PASSED" if "> " + NETWORKS[1] in s.text else "PASSED")


def test_a_network_that_does_not_reproduce_is_refused(demo, tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    for end in ("h5", "json"):
        shutil.copyfile(TREE / "models" / f"chest-pneumonia.{end}", models / f"chest-pneumonia.{end}")
    p = passport("chest-pneumonia")
    p["golden"][0]["output"][0] += 0.01
    (models / "chest-pneumonia.json").write_text(json.dumps(p))
    with Screen(demo, BINARY, env={"CLINIC_MODELS": str(models)}) as s:
        s.sign_in("doctor").keys("5").wait("chest-pneumonia").keys("c").wait("(E")
        assert "PASSED" not in s.text and "golden" in words(s)


def test_layers(demo):
    shown = demo("doctor", "model", "show", "skin-lesion", "--layers", "--json", expect=0).json
    with Screen(demo, BINARY) as s:
        open_card(s, "doctor", "skin-lesion").keys("Enter").wait(f"Layers of skin-lesion: {shown['layer_count']}")
        for layer in shown["layers"][:12]:
            assert layer["name"][:20] in s.text
        s.keys("G").wait(shown["layers"][-1]["name"][:20])
        assert shown["layers"][-1]["name"][:20] in s.lines[s.cursor[0]]  # the cursor rests on the active line
        s.keys("q").wait(passport("skin-lesion")["title"])  # back to the card, then to the list
        s.keys("q").wait("default")


@pytest.mark.parametrize("cols, rows", [(40, 12), (80, 24), (132, 43), (200, 60)])
def test_sizes(demo, cols, rows):
    with Screen(demo, BINARY, cols, rows) as s:
        s.sign_in("doctor").keys("5").wait("chest-pneumonia").keys("Down", "Enter").wait("Pneumonia on")
        s.keys("Tab").wait("Layers of").keys("PgDn", "Tab")
        s.resize(24, 80)
        s.wait("Pneumonia on")
