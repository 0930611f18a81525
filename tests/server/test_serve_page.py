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
    # Node takes .js for the older kind of module.
    shutil.copy(ROOT / "server/page/metrics.js", folder / "metrics.mjs")

    def ask(**given):
        done = subprocess.run(["node", SCRIPT, folder], input=json.dumps(given), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return ask


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
