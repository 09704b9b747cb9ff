import json
import pathlib
import sys

notes = (pathlib.Path(__file__).parent / "notes").resolve()


def read(file_path):
    # A caller's path must not lead out of the folder, by ".." or by a link.
    path = (notes / file_path).resolve()
    if not path.is_relative_to(notes):
        return {"status": "failed", "error": f"Not a note: {file_path}", "error_type": "permission_denied", "field": "file_path"}
    try:
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {"status": "failed", "error": f"File not found: {file_path}", "error_type": "file_not_found", "field": "file_path"}
    except (OSError, ValueError) as problem:
        return {"status": "failed", "error": str(problem), "error_type": type(problem).__name__}
    return {"status": "completed", "file_path": file_path, "content": content, "size": len(content)}


print(json.dumps(read(json.load(sys.stdin)["inputs"]["file_path"])))
