"""Why a form is as fast as it is: what it costs, and what the machine does with it."""
