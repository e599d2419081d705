require("scoregate.metrics").serve()
