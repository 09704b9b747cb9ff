import json
import sys

greetings = {"en": "Hello, {}!", "es": "¡Hola, {}!", "fr": "Bonjour, {}!", "zh": "你好，{}！"}

inputs = json.load(sys.stdin)["inputs"]
name, language = inputs["name"], inputs["language"]
print(json.dumps({"greeting": greetings[language].format(name), "name": name, "language": language}))
