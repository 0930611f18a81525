"""The arithmetic of the page, beside numpy's and that of Prometheus's own client, in Node. `make test-page` has the rest."""
import json
import shutil
import subprocess

import numpy
import pytest
from prometheus_client.parser import text_string_to_metric_families

from serving import ROOT, picture

SCRIPT = ROOT / "tests/server/page.mjs"
OWN = ("/metrics", "/health/ready", "/health/live", "/", "/page/*")

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modules")
    for name in ("metrics", "projection"):
        # Node takes .js for the older kind of module.
        shutil.copy(ROOT / f"server/page/{name}.js", folder / f"{name}.mjs")

    def ask(**given):
        done = subprocess.run(["node", SCRIPT, folder], input=json.dumps(given), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return ask


def given(table):
    """Rows as JSON; what is no number is null there."""
    flat = [float(one) if numpy.isfinite(one) else None for one in table.ravel()]
    return {"vectors": flat, "dim": table.shape[1]}


def spread(table):
    """What numpy's SVD leaves in the two directions in which the rows differ most."""
    table = numpy.float64(table) / numpy.linalg.norm(numpy.float64(table), axis=1, keepdims=True)
    table -= table.mean(axis=0)
    left, sizes, _ = numpy.linalg.svd(table, full_matrices=False)
    return left[:, :2] * sizes[:2], sizes


def test_the_map_is_numpys(page):
    """Where two directions stand out, they are found, whatever the signs."""
    chance = numpy.random.default_rng(1)
    tables = []
    for rows, dim in ((200, 32), (500, 7), (60, 128)):
        basis = numpy.linalg.qr(chance.normal(size=(dim, dim)))[0]
        weights = numpy.array([3, 2] + [0.3] * (dim - 2)) / numpy.sqrt(dim)
        tables.append(numpy.float32((chance.normal(size=(rows, dim)) * weights) @ basis + basis[2] * 2))
    for table, made in zip(tables, page(projected=[given(table) for table in tables])["projected"]):
        expected, _ = spread(table)
        got = numpy.array([made["x"], made["y"]]).T
        assert made["rows"] == list(range(len(table)))
        for axis in range(2):
            sign = numpy.sign(got[:, axis] @ expected[:, axis])
            numpy.testing.assert_allclose(got[:, axis] * sign, expected[:, axis], atol=1e-4 * numpy.abs(expected).max())


def test_noise_is_spread_nearly_as_far_as_it_can_be(page):
    table = numpy.float32(numpy.random.default_rng(2).normal(size=(400, 96)))
    made = page(projected=[given(table)])["projected"][0]
    _, sizes = spread(table)
    for axis, name in enumerate("xy"):
        assert 0.93 * sizes[axis] < numpy.linalg.norm(made[name]) < 1.0001 * sizes[0]


def test_maps_of_little(page):
    """Rows without a vector are left out; no row, one, equal ones, two and one dimension are places all the same."""
    one = numpy.float32([[1, 2, 3]])
    odd = numpy.float32([[1, 0], [numpy.nan, 1], [0, 1], [0, 0], [-1, 0]])
    tables = [one[:0], one, numpy.repeat(one, 5, axis=0), numpy.float32([[1, 0, 0], [0, 1, 0]]), numpy.float32([[1], [-1], [2]]), odd]
    made = page(projected=[given(table) for table in tables])["projected"]
    assert made[0] == {"rows": [], "x": [], "y": []}
    for table, of in zip(tables[:5], made):
        assert of["rows"] == list(range(len(table)))
    for of in made:
        assert len(of["x"]) == len(of["y"]) == len(of["rows"])
        assert numpy.isfinite(of["x"] + of["y"]).all()
    numpy.testing.assert_allclose(made[2]["x"] + made[2]["y"], 0, atol=1e-6)
    assert abs(made[3]["x"][0] - made[3]["x"][1]) == pytest.approx(2 ** 0.5, abs=1e-6)
    assert made[5]["rows"] == [0, 2, 4]


def test_metrics_are_read_as_prometheus_reads_them(page, server):
    for seed in range(3):
        assert server.ask("POST", "/embed", picture(seed))[0] == 200
    assert server.ask("GET", "/nothing")[0] == 404
    for path in OWN[:4]:
        assert server.ask("GET", path)[0] == 200
    text = server.ask("GET", "/metrics")[2].decode()
    expected = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            expected.setdefault(sample.name, []).append({"labels": sample.labels, "value": sample.value})
    made = page(metrics=[text])["metrics"][0]
    for samples in expected.values():
        for sample in samples:
            sample["value"] = pytest.approx(sample["value"])
    assert made["read"] == expected
    assert made["requests"] == sum(one["value"].expected for one in expected["pipilo_requests_total"]
                                   if one["labels"]["route"] not in OWN) >= 4


def test_quantiles(page):
    """Between the ends of a bucket, by numpy's interpolation, of what came since the reading before."""
    ends = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1]
    times = numpy.random.default_rng(3).gamma(2, 0.04, size=900).clip(0, 0.99)

    def counts(of):
        return [int((of <= end).sum()) for end in ends]

    def buckets(of):
        return [{"upTo": end, "count": count} for end, count in zip(ends, counts(of))]

    shares = [0.01, 0.25, 0.5, 0.9, 0.99]
    asked = [{"before": buckets(times[:300]), "now": buckets(times), "share": share} for share in shares]
    nothing = {"before": buckets(times), "now": buckets(times), "share": 0.5}
    first = {"before": [], "now": buckets(times[300:]), "share": 0.5}
    made = page(quantiles=[*asked, first, nothing])["quantiles"]
    expected = numpy.interp(numpy.array([*shares, 0.5]) * 600, [0, *counts(times[300:])], [0, *ends])
    assert made.pop() is None
    numpy.testing.assert_allclose(made, expected, rtol=1e-9)
