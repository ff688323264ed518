"""The process of `server.TinyServer`: runs llama.cpp's server until its standard input ends. Imports no project code.

Its argument is a JSON object: path, alias, host, port, parallel, context, threads, parent. It prints the base URL.
"""

import json
import os
import select
import sys
from typing import Any


def main() -> None:
    """Serve until the parent closes our standard input, or is gone."""
    import xllamacpp

    wanted = json.loads(sys.argv[1])
    server = xllamacpp.Server(parameters(xllamacpp.CommonParams(), wanted))
    print(server.listening_address, flush=True)
    # A process that the parent forked may hold the pipe open after the parent's death: look at the parent too.
    while os.getppid() == wanted["parent"]:
        ready, _, _ = select.select([sys.stdin], [], [], 1.0)
        if ready and not os.read(0, 1):
            break
    os._exit(0)  # at once: llama.cpp would wait for requests that still run


def parameters(params: Any, wanted: dict[str, Any]) -> Any:
    """Set llama.cpp's parameters as ``wanted`` says, and return them."""
    params.model.path = wanted["path"]
    params.model_alias = {wanted["alias"]}
    params.hostnames = [wanted["host"]]
    params.port = wanted["port"]
    params.n_parallel = wanted["parallel"]
    params.n_ctx = wanted["context"] * wanted["parallel"]  # llama.cpp divides it among the slots
    for processors in (params.cpuparams, params.cpuparams_batch):
        processors.n_threads = wanted["threads"]
    params.n_threads_http = max(8, wanted["parallel"] + 4)  # each waiting request holds one
    # Copies of the caches of many slots cost a third of the time. With a single slot they make a collection that was
    # killed compute what it computed before, to the last digit.
    params.cache_ram_mib = 0 if wanted["parallel"] > 1 else 512
    params.endpoint_metrics = True
    params.fit_params = False
    params.ui = False
    params.verbosity = 2
    return params


if __name__ == "__main__":
    main()
