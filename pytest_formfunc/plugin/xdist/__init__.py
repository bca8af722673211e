"""Under pytest-xdist: every worker measures the cases that it is sent; the controller gathers, reports and closes."""
