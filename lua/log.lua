local gateway = require "scoregate.gateway"
gateway.log()
