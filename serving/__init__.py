"""HTTP: the front door, what requests may look like, and what is answered."""

from interrupts import end_in_one_line_after_ctrl_c

end_in_one_line_after_ctrl_c()
