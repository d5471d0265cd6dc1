# SPDX-License-Identifier: Apache-2.0
"""What every role counts and measures, and how it shows that to Prometheus.

`catalogue` names every figure once; `numbers` holds them on the paths of calls and media; `exposition` writes them;
`server` serves them where no web server runs.
"""
