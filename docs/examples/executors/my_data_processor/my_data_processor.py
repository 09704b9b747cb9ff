import json
import sys

operations = {
    "sum": sum,
    "average": lambda data: sum(data) / len(data) if data else 0,
    "max": lambda data: max(data, default=None),
    "min": lambda data: min(data, default=None),
}

inputs = json.load(sys.stdin)["inputs"]
data, operation = inputs["data"], inputs["operation"]
answer = {"status": "completed", "operation": operation, "result": operations[operation](data), "input_count": len(data)}
print(json.dumps(answer))
