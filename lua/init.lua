require("scoregate.gateway").init()
