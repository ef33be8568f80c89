"""The speed of the whole service beside its own limit and its peers: ``make bench``."""

from interrupts import end_in_one_line_after_ctrl_c

end_in_one_line_after_ctrl_c()
