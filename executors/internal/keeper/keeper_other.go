//go:build !unix

package keeper

// Start does nothing: each program runs in a job object that ends with the server.
func Start() {}

// Watch does nothing.
func Watch(int) {}

// Forget does nothing.
func Forget(int) {}
