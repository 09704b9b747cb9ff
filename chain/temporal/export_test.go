//go:build temporal

package temporal

// RunTree is the workflow, for the replay of histories.
var RunTree = runTree

// WorkflowRun is its name.
const WorkflowRun = workflowRun
