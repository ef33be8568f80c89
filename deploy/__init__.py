"""Ways to run the service, and the tools that prepare, size and simulate them."""

from interrupts import end_in_one_line_after_ctrl_c

end_in_one_line_after_ctrl_c()
