"""``python -m batch FOLDER --output predictions.parquet``: classifies many photographs."""

import sys

if __name__ == "__main__":
    # The processes that classify import this module again: nothing more for them.
    try:
        from batch.command import main
    except ModuleNotFoundError as error:
        sys.exit(f"error: {error.name} is missing; install it with: pip install '.[batch]'")
    sys.exit(main())
