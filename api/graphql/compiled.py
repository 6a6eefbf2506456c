"""Documents compiled to plans: the same answers as graphql-core's executor, several times faster.

A plan knows, for every field of a document, how to read it and how to complete it, so that answering walks the values
alone. It covers what every request here uses: synchronous fields, fragments, aliases, interfaces, unions and lists. A
document with directives or introspection is not compiled (`compile_operation` returns None) and runs in graphql-core,
which is also the oracle of this module's tests.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLAbstractType,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    is_leaf_type,
    located_error,
)
from graphql.execution import VariableValues, get_argument_values
from graphql.pyutils import Path
from strawberry.schema.schema_converter import GraphQLCoreConverter

__all__ = ["CompiledOperation", "compile_operation"]

BACKREF = GraphQLCoreConverter.DEFINITION_BACKREF
PLAIN = {"String": str, "ID": str, "Boolean": bool}
"""Leaves whose values go out as they are when they have just this type; everything else is coerced by its scalar."""

TYPENAME = GraphQLField(GraphQLNonNull(GraphQLString))

Completer: TypeAlias = "Callable[[_Run, Any, Path | None], Any]"


class _NullReached(Exception):
    """A field that may not be null has no value: its parent is null. The cause is among the errors already."""


@dataclass(slots=True)
class _RawInfo:
    """What resolvers may know of the execution."""

    context: Any
    field_name: str
    variable_values: Mapping[str, Any]


@dataclass(slots=True)
class _Run:
    """One execution: its context, its variables, and the errors so far."""

    context: Any
    variables: VariableValues
    errors: list[GraphQLError] = field(default_factory=list)
    arguments: dict[int, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _FieldPlan:
    """One field of a selection: `attribute` is read from the source, or `resolve` is called."""

    key: str
    name: str
    attribute: str | None
    plain: type | None
    resolve: Callable[..., Any]
    definition: GraphQLField
    nodes: tuple[FieldNode, ...]
    complete: Completer
    nullable: bool


@dataclass(slots=True)
class _ObjectPlan:
    """The fields of a selection on one object type. `type_name` answers `__typename` under its keys."""

    type_name: str
    fields: list[_FieldPlan]

    def run(self, run: _Run, source: Any, path: Path | None) -> dict[str, Any]:
        """Return the selection of one object. Raises: _NullReached."""
        answer: dict[str, Any] = {}
        for plan in self.fields:
            if plan.attribute is None:
                answer[plan.key] = _resolved(plan, self.type_name, run, source, path)
                continue
            value = getattr(source, plan.attribute, None)
            if value.__class__ is plan.plain or (value is None and plan.nullable):
                answer[plan.key] = value
            else:
                answer[plan.key] = _completed(plan, self.type_name, run, value, path)
        return answer


@dataclass(frozen=True, slots=True)
class CompiledOperation:
    """An operation that can be run over and over."""

    root: _ObjectPlan

    def run(self, context: Any, variables: VariableValues) -> ExecutionResult:
        """Answer with these variables. Errors are located as graphql-core does it."""
        run = _Run(context, variables)
        try:
            data: dict[str, Any] | None = self.root.run(run, None, None)
        except _NullReached:
            data = None
        return ExecutionResult(data, run.errors or None)


def compile_operation(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
) -> CompiledOperation | None:
    """Return the plan of a valid query or mutation (acts in order), or None for one with directives or introspection."""
    root = schema.get_root_type(operation.operation)
    if root is None or operation.operation is OperationType.SUBSCRIPTION:
        return None
    compiler = _Compiler(schema, {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)})
    try:
        return CompiledOperation(compiler.selection([operation.selection_set], root))
    except _NotCompiled:
        return None


class _NotCompiled(Exception):
    """The document uses something that is left to graphql-core."""


@dataclass(slots=True)
class _Compiler:
    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    classes: dict[type, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kind in self.schema.type_map.values():
            definition = kind.extensions.get(BACKREF) if isinstance(kind, GraphQLObjectType) else None
            if definition is not None:
                self.classes[definition.origin] = kind.name

    def selection(self, sets: list[SelectionSetNode], parent: GraphQLObjectType) -> _ObjectPlan:
        """Return the plan of merged selections on an object type."""
        collected: dict[str, list[FieldNode]] = {}
        seen: set[str] = set()
        for selections in sets:
            self._collect(selections, parent, collected, seen)
        return _ObjectPlan(parent.name, [self._field(key, nodes, parent) for key, nodes in collected.items()])

    def _collect(
        self, selections: SelectionSetNode, parent: GraphQLObjectType, collected: dict[str, list[FieldNode]], seen: set[str]
    ) -> None:
        for node in selections.selections:
            if node.directives:
                raise _NotCompiled
            if isinstance(node, FieldNode):
                collected.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                if self._applies(node, parent):
                    self._collect(node.selection_set, parent, collected, seen)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                fragment = self.fragments[node.name.value]
                if fragment.directives:
                    raise _NotCompiled
                if self._applies(fragment, parent):
                    self._collect(fragment.selection_set, parent, collected, seen)

    def _applies(self, fragment: InlineFragmentNode | FragmentDefinitionNode, parent: GraphQLObjectType) -> bool:
        if fragment.type_condition is None:
            return True
        on = self.schema.type_map[fragment.type_condition.name.value]
        return on is parent or (isinstance(on, GraphQLInterfaceType | GraphQLUnionType) and self.schema.is_sub_type(on, parent))

    def _field(self, key: str, nodes: list[FieldNode], parent: GraphQLObjectType) -> _FieldPlan:
        name = nodes[0].name.value
        if name == "__typename":
            return _FieldPlan(
                key, name, "__class__", None, _no_resolver, TYPENAME, tuple(nodes), _constant(parent.name), nullable=False
            )
        if name.startswith("__"):
            raise _NotCompiled
        definition = parent.fields[name]
        described = definition.extensions.get(BACKREF)
        basic = described is not None and described.base_resolver is None
        kind = definition.type
        nullable = not isinstance(kind, GraphQLNonNull)
        inner = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        plain = PLAIN.get(getattr(inner, "name", ""))
        complete = self._completer(inner, nodes)
        return _FieldPlan(
            key,
            name,
            described.python_name if basic else None,
            plain,
            definition.resolve or _no_resolver,
            definition,
            tuple(nodes),
            complete,
            nullable,
        )

    def _completer(self, kind: Any, nodes: list[FieldNode]) -> Completer:
        if isinstance(kind, GraphQLList):
            return self._list(kind, nodes)
        if is_leaf_type(kind):
            return _leaf(kind)
        sets = [node.selection_set for node in nodes if node.selection_set is not None]
        if isinstance(kind, GraphQLObjectType):
            return self.selection(sets, kind).run
        return self._abstract(kind, sets)

    def _list(self, kind: GraphQLList[Any], nodes: list[FieldNode]) -> Completer:
        item = kind.of_type
        required = isinstance(item, GraphQLNonNull)
        complete = self._completer(item.of_type if required else item, nodes)

        def run(run: _Run, value: Any, path: Path | None) -> list[Any]:
            return [_item(complete, required, nodes, run, one, Path(path, at, None)) for at, one in enumerate(value)]

        return run

    def _abstract(self, kind: GraphQLAbstractType, sets: list[SelectionSetNode]) -> Completer:
        plans = {possible.name: self.selection(sets, possible) for possible in self.schema.get_possible_types(kind)}
        classes = {origin: plans[name] for origin, name in self.classes.items() if name in plans}

        def run(run: _Run, value: Any, path: Path | None) -> Any:
            plan = classes.get(type(value))
            if plan is None:
                raise TypeError(f"{type(value).__name__} is no {kind.name}")
            return plan.run(run, value, path)

        return run


def _no_resolver(*_: Any, **__: Any) -> Any:
    raise TypeError("the field has no resolver")


def _constant(text: str) -> Completer:
    def run(_run: _Run, _value: Any, _path: Path | None) -> str:
        return text

    return run


def _leaf(kind: GraphQLLeafType) -> Completer:
    coerce = kind.coerce_output_value

    def run(_run: _Run, value: Any, _path: Path | None) -> Any:
        return coerce(value)

    return run


def _resolved(plan: _FieldPlan, parent: str, run: _Run, source: Any, path: Path | None) -> Any:
    """Call a field's resolver and complete what it returns. Arguments are the same for all objects of a selection."""
    here = Path(path, plan.key, parent)
    try:
        arguments = run.arguments.get(id(plan))
        if arguments is None:
            arguments = run.arguments[id(plan)] = get_argument_values(plan.definition, plan.nodes[0], run.variables)
        value = plan.resolve(source, _RawInfo(run.context, plan.name, run.variables.coerced), **arguments)
        return _value(plan, parent, run, value, here)
    except _NullReached:
        return _null_or_raise(plan)
    except Exception as error:  # noqa: BLE001 - whatever a resolver raises is located, and masked by the endpoint
        return _failed(plan, run, error, here)


def _completed(plan: _FieldPlan, parent: str, run: _Run, value: Any, path: Path | None) -> Any:
    here = Path(path, plan.key, parent)
    try:
        return _value(plan, parent, run, value, here)
    except _NullReached:
        return _null_or_raise(plan)
    except Exception as error:  # noqa: BLE001 - as above
        return _failed(plan, run, error, here)


def _value(plan: _FieldPlan, parent: str, run: _Run, value: Any, here: Path) -> Any:
    if value is None:
        if plan.nullable:
            return None
        raise TypeError(f"Cannot return null for non-nullable field {parent}.{plan.name}.")
    if isinstance(value, Exception):
        raise value
    return plan.complete(run, value, here)


def _item(complete: Completer, required: bool, nodes: list[FieldNode], run: _Run, value: Any, path: Path) -> Any:
    if value is None and not required:
        return None
    try:
        return complete(run, value, path) if value is not None else _no_null(path)
    except _NullReached:
        if required:
            raise
    except Exception as error:
        # whatever a value raises is located here, kept in the answer's errors and masked by the endpoint
        run.errors.append(located_error(error, nodes, path.as_list()))
        if required:
            raise _NullReached from error
    return None


def _no_null(path: Path) -> None:
    raise TypeError(f"Cannot return null for non-nullable item {path.key}.")


def _failed(plan: _FieldPlan, run: _Run, error: Exception, here: Path) -> None:
    run.errors.append(located_error(error, list(plan.nodes), here.as_list()))
    if not plan.nullable:
        raise _NullReached from error


def _null_or_raise(plan: _FieldPlan) -> None:
    if not plan.nullable:
        raise _NullReached
