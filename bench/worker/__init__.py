"""The process that times: it answers one request after the other, as `bench.protocol` says.

It is forked from the launcher, or executed as ``python -m bench.worker.serve FD PARENT`` where forking is unsafe.
May import `steps`, `devices`, `host`, `record`, `protocol`, `models` and torch; an arm's interpreter has nothing else.
Start with `serve`, which reads requests, and `worker`, which carries them out.
"""
