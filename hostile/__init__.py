"""Hostile files and requests, and what the service must answer."""

from interrupts import end_in_one_line_after_ctrl_c

end_in_one_line_after_ctrl_c()
