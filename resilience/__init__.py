"""Breaks, overloads and soaks a service, and records the results."""

from interrupts import end_in_one_line_after_ctrl_c

end_in_one_line_after_ctrl_c()
