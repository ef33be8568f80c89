"""The gate: a model of lower precision beside fp32, by accuracy and by speed."""
