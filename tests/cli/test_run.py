"""pipilo run, pipilo ops and pipilo models."""
import json

import pytest

from conftest import ROOT

EMBED = "pipe.input('x').map('x', 'vec', ops.image_embedding.timm('null:4')).output('x', 'vec')"


def test_rows_are_json(pipilo, photos):
    done = pipilo("run", EMBED, photos / "0.jpg", photos / "1.jpg")
    rows = done.lines()
    assert [row["x"] for row in rows] == [str(photos / "0.jpg"), str(photos / "1.jpg")]
    assert all(len(row["vec"]) == 4 for row in rows) and rows[0]["vec"] != rows[1]["vec"]


def test_a_failed_row(pipilo, photos):
    done = pipilo("run", EMBED, photos / "0.jpg", "nowhere.jpg", photos / "1.jpg", status=1)
    rows = done.lines()
    assert len(rows) == 3 and rows[1]["vec"]["error"]["code"] == "not_found"
    assert "nowhere.jpg" in rows[1]["vec"]["error"]["message"]
    assert len(rows[2]["vec"]) == 4


def test_inputs_from_lines(pipilo, photos):
    lines = f"{photos}/0.jpg\n\n{photos}/1.jpg\n"
    assert len(pipilo("run", EMBED, "-", stdin=lines).lines()) == 2
    assert len(pipilo("run", EMBED, photos / "2.jpg", "-", stdin=lines).lines()) == 3


def test_pipeline_from_a_file(pipilo, photos, tmp_path):
    (tmp_path / "p.txt").write_text(EMBED + "\n")
    one = pipilo("run", "--file", "p.txt", photos / "0.jpg").out
    assert one == pipilo("run", EMBED, photos / "0.jpg").out
    assert one == pipilo("run", "--file", "-", photos / "0.jpg", stdin=EMBED).out


def test_several_inputs_at_a_time(pipilo):
    text = "pipe.input('a', 'b').output('b', 'a')"
    rows = pipilo("run", text, "1", "2", "3", "4").lines()
    assert rows == [{"b": "2", "a": "1"}, {"b": "4", "a": "3"}]
    done = pipilo("run", text, "1", "2", "3", status=2)
    assert "2 inputs at a time" in done.err
    assert pipilo("run", "--numbers", text, "1", "2.5").lines() == [{"b": 2.5, "a": 1}]
    assert "not a number" in pipilo("run", "--numbers", text, "1", "x", status=2).err


def test_a_list_gives_several_rows(pipilo, photos):
    text = "pipe.input('x').flat_map('x', ('source', 'image', 'item'), ops.read_dir()).output('source')"
    assert len(pipilo("run", text, photos).lines()) == 7


@pytest.mark.parametrize("text, part", [
    ("pipe.input('x').map('x', 'y', ops.image_decod()).output('y')", "image_decode"),
    ("pipe.input('path').map('pth', 'y', ops.image_decode()).output('y')", "path"),
    ("pipe.input('x').map('x', 'y', ops.image_resize(widht=3)).output('y')", "width"),
    ("pipe.input('x').output('x'", "line 1, column"),
    ("import os", "line 1, column"),
])
def test_bad_pipelines(pipilo, text, part):
    done = pipilo("run", text, "a.jpg", status=3 if "image_decod()" in text else 2)
    assert part in done.err and done.err.count("\n") == 1 and done.out == ""


def test_no_input_where_one_is_needed(pipilo):
    assert "input" in pipilo("run", EMBED, status=2).err


# --- operators -----------------------------------------------------------------------------------


def test_ops_lists_and_explains(pipilo):
    names = [op["name"] for op in pipilo("ops", "--json").json()]
    assert names == sorted(names) and "image_embedding.timm" in names
    listed = pipilo("ops").out
    for name in names:
        assert f"{name}\n" in listed
        one = pipilo("ops", name, "--json").json()
        text = pipilo("ops", name).out
        assert text.startswith(f"{name}\n") and one["summary"] and one["inputs"] and one["output"]
        for parameter in one["parameters"]:
            assert f"  {parameter['name']}: {parameter['type']}" in text and parameter["help"]
    assert pipilo("ops", "ops.image_decode").out == pipilo("ops", "image_decode").out


def test_operators_page_is_made_by_the_program(pipilo):
    page = ROOT / "docs/operators.md"
    assert page.read_text() == pipilo("ops", "--markdown").out, \
        "make it anew: pipilo ops --markdown > docs/operators.md"


def test_json_and_markdown_exclude_each_other(pipilo):
    pipilo("ops", "--json", "--markdown", status=2)


# --- models --------------------------------------------------------------------------------------


def test_models_show(pipilo):
    shown = pipilo("models", "show", "null:48", "--json").json()
    assert shown["dim"] == 48 and shown["engine"] == "null" and len(shown["fingerprint"]) == 16
    other = pipilo("models", "show", "null:48", "--fast", "--json").json()
    assert other["fingerprint"] != shown["fingerprint"]
    text = pipilo("models", "show", "null:48").out
    assert shown["fingerprint"] in text and "48 values" in text
    assert "nowhere" in pipilo("models", "show", "nowhere", status=3).err


def test_models_show_and_embed_agree(pipilo, photos):
    pipilo("embed", photos, "-m", "null:48", "-o", "out.npy", "--exif", "ignore")
    shown = pipilo("models", "show", "null:48", "--exif", "ignore", "--json").json()
    assert pipilo("info", "out.npy", "--json").json()["fingerprint"] == shown["fingerprint"]


def test_models_list(pipilo, tmp_path):
    listed = pipilo("models", "list", "--json").json()
    assert isinstance(listed, list)
    assert pipilo("models").out == pipilo("models", "list").out
    broken = tmp_path / "home/models/broken"
    broken.mkdir(parents=True)
    (broken / "model.json").write_text("{")
    entry = [e for e in pipilo("models", "list", "--json").json() if e["name"] == "broken"]
    assert len(entry) == 1 and entry[0]["error"]
    assert "broken" in pipilo("models", "list").out


def test_import_says_what_is_missing(pipilo, tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"no model")
    done = pipilo("models", "import", "x.onnx", status=7)
    assert done.err.startswith("pipilo: ") and done.err.count("\n") == 1
    assert "nowhere.onnx" in pipilo("models", "import", "nowhere.onnx", status=3).err


def test_pull_of_an_unknown_name(pipilo):
    done = pipilo("models", "pull", "no-such-model-anywhere", status=3)
    assert "no-such-model-anywhere" in done.err


def test_card_is_json(pipilo):
    card = pipilo("models", "show", "null", "--json").json()["card"]
    assert json.dumps(card)
