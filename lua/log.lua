require("scoregate.gateway").log()
