"""``python -m batch FOLDER --output predictions.parquet``: classifies many photographs."""

import sys

if __name__ == "__main__":
    # Not for the processes that import this module again to classify.
    try:
        from batch.command import main
    except ModuleNotFoundError as error:
        sys.exit(f"error: {error.name} is missing; install it with: pip install '.[batch]'")
    sys.exit(main())
