"""What an endpoint or `polyglot metrics` exposes, by Prometheus' own parser."""

from prometheus_client.parser import text_string_to_metric_families


def samples(exposed):
    """Return (name, labels' values in the order of their names) → value."""
    families = text_string_to_metric_families(exposed)
    return {key(one.name, one.labels): one.value for family in families for one in family.samples}


def key(name, labels):
    return name, *(labels[label] for label in sorted(labels))


def suite(stack):
    """Return what `polyglot metrics` prints about a stack."""
    done = stack.run("metrics")
    assert done.returncode == 0, done.stderr
    return samples(done.stdout)
