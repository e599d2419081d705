require("scoregate.gateway").init_worker()
