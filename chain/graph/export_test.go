package graph

// Columns is columns for tests.
var Columns = columns
