"""Checks a running deployment from outside: ``python -m deployment_check``."""

from interrupts import end_in_one_line_after_ctrl_c

end_in_one_line_after_ctrl_c()
