local gateway = require "scoregate.gateway"
gateway.init_worker()
