// Package endtoend tests the built program as its users meet it: on the
// command line, over stdio and over HTTP, with real peers around it.
package endtoend
