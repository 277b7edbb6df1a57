"""Small programs in the idioms of each framework, as text: none of the frameworks has to be installed."""

from __future__ import annotations

STRANDS = '''
from strands import Agent, tool

@tool
def look_up(city: str) -> dict:
    """Look up."""
    if not city:
        return {"status": "error", "message": "no city"}
    return {"status": "success", "confidence": 0.5}

class Shop:
    @tool
    def order(self, customer_email: str) -> dict:
        return {"success": False, "error": "closed"}

class Planner:
    def __init__(self):
        self.agent = Agent(tools=[look_up])

    def run(self, task):
        return self.agent(task)
'''

LANGCHAIN = '''
from langchain_core.tools import BaseTool, tool
from langgraph.prebuilt import create_react_agent
from langchain_openai import ChatOpenAI

@tool
def search(query: str) -> str:
    """Search."""
    return query

class Multiply(BaseTool):
    def _run(self, a, b):
        return a * b

graph = create_react_agent(ChatOpenAI(model="x"), tools=[search, Multiply()])

def main():
    return graph.invoke({"messages": []})

if __name__ == "__main__":
    main()
'''

CREWAI = '''
from crewai import Agent, Crew, Task
from crewai.tools import BaseTool, tool

@tool("search")
def search(query: str) -> str:
    """Search."""
    return query

class Weigh(BaseTool):
    def _run(self, item):
        return 1

def build():
    writer = Agent(role="writer", goal="g", backstory="b", tools=[search, Weigh()])
    return Crew(agents=[writer], tasks=[Task(description="d", expected_output="e", agent=writer)])

def run_crew(topic):
    crew = build()
    result = crew.kickoff(inputs={"topic": topic})
    return result
'''

SMOLAGENTS = '''
from smolagents import CodeAgent, Model, Tool, tool

@tool
def double(value: int) -> int:
    """Double.

    Args:
        value: a number.
    """
    return value * 2

class Weather(Tool):
    def forward(self, city):
        return "sun"

class Fake(Model):
    def generate(self, messages, **kwargs):
        return None

def main():
    return CodeAgent(tools=[double, Weather()], model=Fake()).run("go")

if __name__ == "__main__":
    main()
'''

OPENAI_AGENTS = """
from agents import Agent, Runner, function_tool

@function_tool
def get_weather(city: str) -> str:
    return "sun"

planner = Agent(name="planner", tools=[get_weather])
writer = Agent(name="writer")

class ResearchManager:
    async def run(self, query: str):
        plan = await self._plan(query)
        return await self._write(plan)

    async def _plan(self, query):
        return await Runner.run(planner, query)

    async def _write(self, plan):
        return await Runner.run(writer, plan)
"""

PYDANTIC_AI = """
from pydantic_ai import Agent, RunContext

support = Agent("openai:gpt-5", deps_type=int)

@support.tool
async def balance(ctx: RunContext[int]) -> str:
    return "1"

@support.tool_plain
def dice() -> int:
    return 4

def main():
    return support.run_sync("hello")

if __name__ == "__main__":
    main()
"""

AUTOGEN = """
from autogen_agentchat.agents import AssistantAgent, BaseChatAgent
from autogen_agentchat.teams import RoundRobinGroupChat

def add(a: int, b: int) -> int:
    return a + b

class Echo(BaseChatAgent):
    async def on_messages(self, messages, token):
        return messages[-1]

def build(client):
    return RoundRobinGroupChat([AssistantAgent("a", model_client=client, tools=[add]), Echo("e", "d")])

async def main():
    return await build(None).run(task="go")
"""

LLAMA_INDEX = """
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.tools import FunctionTool

def multiply(a: int, b: int) -> int:
    return a * b

agent = FunctionAgent(tools=[FunctionTool.from_defaults(multiply)])
"""

ADK = """
from google.adk.agents import LlmAgent

def roll(sides: int) -> int:
    return 4

root_agent = LlmAgent(name="root", model="gemini", tools=[roll])
"""

DSPY = """
import dspy

def search(query: str) -> str:
    return query

react = dspy.ReAct("question -> answer", tools=[search])
"""

MCP = """
from mcp.server.fastmcp import FastMCP

mcp = FastMCP("server")

@mcp.tool()
def add(a: int, b: int) -> int:
    return a + b

if __name__ == "__main__":
    mcp.run()
"""

SEMANTIC_KERNEL = """
from semantic_kernel.functions import kernel_function

class Lights:
    @kernel_function(name="switch")
    def switch(self, on: bool) -> bool:
        return on
"""

OPENAI = """
from openai import OpenAI

client = OpenAI()

def ask_llm(prompt):
    return client.chat.completions.create(model="m", messages=[{"role": "user", "content": prompt}])
"""

ANTHROPIC = """
import anthropic

def ask(prompt):
    return anthropic.Anthropic().messages.create(model="m", max_tokens=1, messages=[])

def ask_claude(client: anthropic.Anthropic, prompt):
    return client.messages.create(model="m", max_tokens=1, messages=[])
"""

LITELLM = """
import litellm

def think(prompt):
    return litellm.completion(model="m", messages=[])
"""

BEDROCK = """
import boto3

client = boto3.client("bedrock-runtime")

def converse(text):
    return client.converse(modelId="m", messages=[])
"""

OWN = '''
import asyncio
from abc import ABC, abstractmethod

class BaseAgent(ABC):
    def __init__(self, name, model: "ChatModel"):
        self.name = name
        self.model = model

    @abstractmethod
    def run(self, task):
        """Do it."""

    def step(self, task):
        return self.model.query(task)

    def format_prompt(self, task):
        return task

class ResearchAgent(BaseAgent):
    def run(self, task):
        while True:
            answer = self.step(task)
            if answer:
                return {"status": "failed", "error": "x", "decision": answer}

    def decide_topic(self, task):
        return task

    def decide_length(self, task):
        return 3

class WriterAgent(BaseAgent):
    def run(self, task):
        return {"status": "done"}

class ChatModel:
    def query(self, messages):
        return "yes"

class AgentError(Exception):
    def run(self):
        return None

class Coordinator:
    def __init__(self):
        self.agents = [ResearchAgent("r", ChatModel()), WriterAgent("w", ChatModel())]

    async def coordinate(self, task, session_id: str, user_id: str):
        return await asyncio.gather(*(asyncio.to_thread(agent.run, task) for agent in self.agents))

    def register(self, agent):
        self.agents.append(agent)

    async def run_forever(self):
        while True:
            await asyncio.sleep(1)

class TaskConsumer:
    def __init__(self):
        self.coordinator = Coordinator()

    async def handle(self, task, session_id: str):
        return await self.coordinator.coordinate(task, session_id, "u")

class SearchTool:
    def execute(self, query):
        return score(query)

def score(text):
    return len(text)

def rank(texts):
    return [score(text) for text in texts for _ in range(3)]
'''

SERVERS = """
import click
from fastapi import FastAPI

app = FastAPI()

class ChatAgent:
    def chat(self, message):
        return message

@app.post("/chat")
async def chat(message: str):
    return ChatAgent().chat(message)

@click.command()
def serve():
    pass
"""

FRAMES = """
import inspect
import sys

class TracerAgent:
    def run(self):
        return sys._getframe(1)

def who():
    return inspect.stack()[1]
"""

ALL = {name.lower(): text for name, text in list(vars().items()) if name.isupper() and isinstance(text, str)}
