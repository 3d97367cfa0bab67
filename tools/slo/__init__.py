"""Service levels: files of `slo/` to recording rules, alerts and dashboards."""
