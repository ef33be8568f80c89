"""The documents, and the tool that photographs the page."""

from interrupts import end_in_one_line_after_ctrl_c

end_in_one_line_after_ctrl_c()
