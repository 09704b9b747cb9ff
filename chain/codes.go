package chain

// The codes of problems. They are stable: programs may branch on them.
const (
	// CodeSyntax: the text is neither JSON nor YAML.
	CodeSyntax = "syntax"
	// CodeTooLarge: over a limit on bytes, tasks, depth or elements.
	CodeTooLarge = "too_large"
	// CodeEmpty: there are no tasks.
	CodeEmpty = "empty"
	// CodeNotAnObject: a task is not an object.
	CodeNotAnObject = "not_an_object"
	// CodeUnknownField: a field that the format does not define.
	CodeUnknownField = "unknown_field"
	// CodeMissingField: a required field is missing.
	CodeMissingField = "missing_field"
	// CodeWrongType: a value of the wrong type.
	CodeWrongType = "wrong_type"
	// CodeOutOfRange: a value of the right type that is not allowed.
	CodeOutOfRange = "out_of_range"
	// CodeTooLong: a name or an id of more than 200 characters.
	CodeTooLong = "too_long"
	// CodeNoExecutor: a task with neither a name nor an executor.
	CodeNoExecutor = "no_executor"
	// CodeUnknownExecutor: an executor that is not registered.
	CodeUnknownExecutor = "unknown_executor"
	// CodeInvalidTree: a saved tree that is not valid itself.
	CodeInvalidTree = "invalid_tree"
	// CodeExecutorConflict: schemas.method and params.executor_id differ.
	CodeExecutorConflict = "executor_conflict"
	// CodeConflict: two fields that exclude each other.
	CodeConflict = "conflict"
	// CodeMissingID: the task has no id, and others do.
	CodeMissingID = "missing_id"
	// CodeDuplicateID: an earlier task has the same id.
	CodeDuplicateID = "duplicate_id"
	// CodeAmbiguousName: a reference by a name that several tasks have.
	CodeAmbiguousName = "ambiguous_name"
	// CodeUnknownParent: parent_id names no task.
	CodeUnknownParent = "unknown_parent"
	// CodeParentCycle: a task is its own parent, through others or directly.
	CodeParentCycle = "parent_cycle"
	// CodeSeveralRoots: some tasks have a parent, and more than one has none.
	CodeSeveralRoots = "several_roots"
	// CodeUnknownDependency: a dependency names no task.
	CodeUnknownDependency = "unknown_dependency"
	// CodeSelfDependency: a task depends on itself, by a dependency or a
	// reference.
	CodeSelfDependency = "self_dependency"
	// CodeCycle: a dependency cycle.
	CodeCycle = "cycle"
	// CodeUnknownReference: an expression reads a task that does not exist.
	CodeUnknownReference = "unknown_reference"
	// CodeBadExpression: an expression that is not closed, or is not jq.
	CodeBadExpression = "bad_expression"
	// CodeComputedReference: an expression reads a task by a computed id.
	CodeComputedReference = "computed_reference"
	// CodeMisplacedSecret: a secret in an expression, a when or a for_each.
	CodeMisplacedSecret = "misplaced_secret"
	// CodeNoElement: item or index is read in a task without for_each.
	CodeNoElement = "no_element"
	// CodeUnknownResult: a reference reads a field that a task or its result
	// does not have. It is a warning where the schema is not the program's own.
	CodeUnknownResult = "unknown_result"
	// CodeTypeMismatch: a reference whose value has the wrong kind where it
	// stands. It is a warning where the schema is not the program's own.
	CodeTypeMismatch = "type_mismatch"
	// CodeInvalidInput: inputs that the executor's schema refuses.
	CodeInvalidInput = "invalid_input"
	// CodeTimeout: a timeout over the executor's ceiling.
	CodeTimeout = "timeout_over_ceiling"
	// CodeInvalidSchema: the schema of the run's inputs does not compile.
	CodeInvalidSchema = "invalid_schema"
)

// The codes of warnings.
const (
	// CodeNotAllowed: policy forbids what the task does; the hint names the
	// setting that allows it. The tree is valid, but can't be run.
	CodeNotAllowed = "not_allowed"
	// CodeIgnored: a part of the protocol that this program ignores.
	CodeIgnored = "ignored"
	// CodeNoEffect: a field that changes nothing where it is written.
	CodeNoEffect = "no_effect"
	// CodeSameFile: tasks write the same file with no order between them.
	CodeSameFile = "same_file"
	// CodePlainText: text that other systems would fill in.
	CodePlainText = "plain_text"
	// CodeDuplicateDependency: a dependency that is listed twice.
	CodeDuplicateDependency = "duplicate_dependency"
	// CodeUndeclaredInput: a run input that the tree's own schema excludes.
	CodeUndeclaredInput = "undeclared_input"
	// CodeUnknownSecret: a secret that the operator has not configured.
	CodeUnknownSecret = "unknown_secret"
	// CodeUnknownConnection: a connection that the operator has not configured.
	CodeUnknownConnection = "unknown_connection"
	// CodeClosedAddress: a literal address that policy does not allow.
	CodeClosedAddress = "closed_address"
	// CodeClosedPath: a literal path that policy does not allow.
	CodeClosedPath = "closed_path"
	// CodeClosedProgram: a literal program or image that policy does not allow.
	CodeClosedProgram = "closed_program"
	// CodeReadsNothing: an expression that starts from a key of null.
	CodeReadsNothing = "reads_nothing"
	// CodeEitherDay: a schedule fires on either of two kinds of days.
	CodeEitherDay = "either_day"
	// CodeReferenceInKey: a reference in a key, where it is plain text.
	CodeReferenceInKey = "reference_in_key"
)
