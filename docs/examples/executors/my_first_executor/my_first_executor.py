import json
import sys

inputs = json.load(sys.stdin)["inputs"]
print(json.dumps({"status": "completed", "result": f"Processed: {inputs['data']}"}))
