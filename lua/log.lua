-- Not require(): that would be a C function's look-up for every request.
package.loaded["scoregate.gateway"].log()
