package chain

// The codes of problems. They are stable: programs may branch on them.
const (
	// CodeSyntax: the text is neither JSON nor YAML.
	CodeSyntax = "syntax"
	// CodeTooLarge: over a limit: bytes, tasks, depth, elements.
	CodeTooLarge = "too_large"
	// CodeEmpty: there are no tasks.
	CodeEmpty = "empty"
	// CodeNotAnObject: a task is not an object.
	CodeNotAnObject = "not_an_object"
	// CodeUnknownField: a field that the format does not have.
	CodeUnknownField = "unknown_field"
	// CodeMissingField: a field that must be there is not.
	CodeMissingField = "missing_field"
	// CodeWrongType: a value of the wrong type.
	CodeWrongType = "wrong_type"
	// CodeOutOfRange: a value of the right type that is not allowed.
	CodeOutOfRange = "out_of_range"
	// CodeTooLong: a name or an id of more than 200 characters.
	CodeTooLong = "too_long"
	// CodeNoExecutor: a task with neither a name nor an executor.
	CodeNoExecutor = "no_executor"
	// CodeUnknownExecutor: an executor that is not there.
	CodeUnknownExecutor = "unknown_executor"
	// CodeExecutorConflict: schemas.method and params.executor_id differ.
	CodeExecutorConflict = "executor_conflict"
	// CodeMissingID: the task has no id, and others do.
	CodeMissingID = "missing_id"
	// CodeDuplicateID: an earlier task has the id.
	CodeDuplicateID = "duplicate_id"
	// CodeAmbiguousName: a ref that is the name of several tasks.
	CodeAmbiguousName = "ambiguous_name"
	// CodeUnknownParent: parent_id names no task.
	CodeUnknownParent = "unknown_parent"
	// CodeParentCycle: tasks that are each other's parents.
	CodeParentCycle = "parent_cycle"
	// CodeSeveralRoots: some tasks have a parent, and more than one has none.
	CodeSeveralRoots = "several_roots"
	// CodeUnknownDependency: a dependency names no task.
	CodeUnknownDependency = "unknown_dependency"
	// CodeSelfDependency: a task that waits for itself, by a dependency or a
	// reference.
	CodeSelfDependency = "self_dependency"
	// CodeCycle: tasks that wait for each other.
	CodeCycle = "cycle"
	// CodeUnknownReference: an expression reads a task that is not there.
	CodeUnknownReference = "unknown_reference"
	// CodeBadExpression: an expression that is not closed, or is not jq.
	CodeBadExpression = "bad_expression"
	// CodeComputedReference: an expression reads tasks otherwise than by a
	// constant id.
	CodeComputedReference = "computed_reference"
	// CodeMisplacedSecret: a secret in an expression, a when or a for_each.
	CodeMisplacedSecret = "misplaced_secret"
	// CodeNoElement: item or index is read where there is no for_each.
	CodeNoElement = "no_element"
	// CodeInvalidInput: inputs that the executor's schema refuses.
	CodeInvalidInput = "invalid_input"
	// CodeTimeout: a time-out over the executor's ceiling.
	CodeTimeout = "timeout_over_ceiling"
	// CodeInvalidSchema: the schema of the run's inputs does not compile.
	CodeInvalidSchema = "invalid_schema"
)

// The codes of warnings.
const (
	// CodeNotAllowed: policy closes what the task does; the hint names the
	// setting that opens it. The tree is valid, but can't be run.
	CodeNotAllowed = "not_allowed"
	// CodeIgnored: something that would have meant something to others has
	// no meaning here.
	CodeIgnored = "ignored"
	// CodeNoEffect: a field that changes nothing where it stands.
	CodeNoEffect = "no_effect"
	// CodeDuplicateDependency: a dependency that is listed twice.
	CodeDuplicateDependency = "duplicate_dependency"
	// CodeUndeclaredInput: a run input that the tree's own schema excludes.
	CodeUndeclaredInput = "undeclared_input"
	// CodeUnknownSecret: a secret that the operator has not configured.
	CodeUnknownSecret = "unknown_secret"
	// CodeReadsNothing: an expression that starts from a key of null.
	CodeReadsNothing = "reads_nothing"
	// CodeReferenceInKey: a reference in a key, where it is plain text.
	CodeReferenceInKey = "reference_in_key"
)
