"""The process in which the fuzzer runs: ``python -m hostile.fuzz_target TARGET …``.

Modules that guide the fuzzer must be instrumented when they are imported.
"""

import sys

import atheris

with atheris.instrument_imports(
    include=["errors", "preprocessing", "serving.api.parsing", "serving.api.multipart", "PIL"]
):
    from hostile import properties

if __name__ == "__main__":
    target = getattr(properties, sys.argv.pop(1))
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
