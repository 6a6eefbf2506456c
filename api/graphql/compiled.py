"""Documents compiled to plans: the same answers as graphql-core's executor, several times faster.

A plan knows, for every field of a document, how to read it and how to complete it, so that answering walks the values
alone. It covers what every request here uses: synchronous fields, fragments, aliases, interfaces, unions, lists, and the
directives `@include` and `@skip`, for which a document has one plan for each set of conditions that it was asked with. A
document with introspection is not compiled (`compile_operation` returns None) and runs in graphql-core, which is also the
oracle of this module's tests.

What a kept value (`api.kept.Written`) holds is written to bytes once for each plan, where the plan reads attributes alone: no
resolver, so nothing of the request. Such bytes stand in the answer as `orjson.Fragment`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, TypeAlias

import orjson
from graphql import (
    BooleanValueNode,
    DirectiveNode,
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
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    is_leaf_type,
    located_error,
)
from graphql.execution import VariableValues, get_argument_values
from graphql.pyutils import Path
from strawberry import Info
from strawberry.schema.base import BaseSchema
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from api.kept import Written

__all__ = ["Arguments", "CompiledOperation", "compile_operation"]

BACKREF = GraphQLCoreConverter.DEFINITION_BACKREF
PLAIN = {"String": str, "ID": str, "Boolean": bool}
"""Leaves whose values go out as they are when they have just this type; everything else is coerced by its scalar."""

WRITTEN = "written"
"""The attribute under which an object of the schema carries its `Written`."""
CONDITIONS = ("include", "skip")
MAXIMUM_PLANS = 16
"""Sets of conditions of one document that are kept; further ones are compiled anew."""
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
    arguments: "Arguments"
    errors: list[GraphQLError] = field(default_factory=list)
    keeping: bool = True
    """Whether what is kept is looked at: not within what is being written to be kept, whose bytes hold it all."""


@dataclass(frozen=True, slots=True)
class _Resolver:
    """What a field's resolver is given and called with, as Strawberry does it, in two steps: the first needs the arguments alone.

    Args:
        strawberry: the schema.
        field: whose resolver takes its object and nothing but, perhaps, `info` beside its arguments.
    """

    strawberry: BaseSchema
    field: StrawberryField

    def given(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments as the resolver takes them. Raises: what Strawberry raises for values that do not fit."""
        converter = self.strawberry.schema_converter
        return convert_arguments(
            arguments, self.field.arguments, scalar_registry=converter.scalar_registry, config=converter.config
        )

    def call(self, source: Any, raw: Any, given: dict[str, Any]) -> Any:
        """Return what the resolver returns."""
        resolver: Any = self.field.base_resolver
        if resolver.info_parameter is None:
            return resolver.wrapped_func(source, **given)
        info: Info[Any, Any] = Info(_raw_info=raw, _field=self.field)
        return resolver.wrapped_func(source, **{resolver.info_parameter.name: info}, **given)


def _resolver_of(schema: GraphQLSchema, described: StrawberryField | None) -> _Resolver | None:
    """Return how to call a field's resolver without Strawberry's own layers, None where one of these has something to do."""
    resolver = None if described is None else described.base_resolver
    strawberry: BaseSchema | None = schema.extensions.get(BACKREF)
    if described is None or resolver is None or strawberry is None or strawberry.exception_handlers:
        return None
    special = resolver.parent_parameter or resolver.root_parameter or described.permission_classes or described.extensions
    if special or described.is_async or not resolver.self_parameter or strawberry.config.info_class is not Info:
        return None
    return _Resolver(strawberry, described)


@dataclass(frozen=True, slots=True, eq=False)
class _FieldPlan:
    """One field of a selection: `attribute` is read from the source, or `resolver` is called, or else `resolve`, which is
    Strawberry's way to it. It is a key of kept bytes.
    """

    key: str
    name: str
    attribute: str | None
    plain: type | None
    resolve: Callable[..., Any]
    resolver: _Resolver | None
    definition: GraphQLField
    nodes: tuple[FieldNode, ...]
    complete: Completer
    nullable: bool
    constant: bool
    """Whether its value alone decides what is written: attributes down to the leaves, no resolver."""


Arguments: TypeAlias = dict[_FieldPlan, dict[str, Any]]
"""What resolvers are called with, by the field: equal variables give the same, so whoever keeps those may keep it with them."""


@dataclass(slots=True)
class _ObjectPlan:
    """The fields of a selection on one object type. `type_name` answers `__typename` under its keys."""

    type_name: str
    fields: list[_FieldPlan]
    keeps: bool
    """Whether objects of the type carry a `Written`."""

    def run(self, run: _Run, source: Any, path: Path | None) -> dict[str, Any]:
        """Return the selection of one object. Raises: _NullReached."""
        answer: dict[str, Any] = {}
        written: Written | None = source.written if self.keeps and run.keeping else None
        for plan in self.fields:
            if plan.attribute is None:
                answer[plan.key] = _resolved(plan, self.type_name, run, source, path)
                continue
            value = getattr(source, plan.attribute, None)
            if value.__class__ is plan.plain or (value is None and plan.nullable):
                answer[plan.key] = value
            elif written is not None and plan.constant and written.holds(value):
                answer[plan.key] = _once(plan, self.type_name, run, value, path, written)
            else:
                answer[plan.key] = _completed(plan, self.type_name, run, value, path)
        return answer


@dataclass(frozen=True, slots=True)
class CompiledOperation:
    """An operation that can be run over and over. `plans` by the values of the `conditions` that its directives name."""

    compile: Callable[[Mapping[str, bool]], _ObjectPlan]
    conditions: tuple[str, ...]
    resolved: frozenset[str]
    """The fields that are more than an attribute to read, as `Type.field`."""
    plans: dict[tuple[bool, ...], _ObjectPlan] = field(default_factory=dict)

    def takes(self, variables: VariableValues) -> bool:
        """Whether the conditions have values. One that is null is an error whose words are graphql-core's."""
        return all(isinstance(variables.coerced.get(name), bool) for name in self.conditions)

    def run(self, context: Any, variables: VariableValues, arguments: Arguments | None = None) -> ExecutionResult:
        """Answer with these variables, which it `takes`. Errors are located as graphql-core does it.

        `arguments`, if given, is filled, and may be given again with equal variables.

        Data holds `orjson.Fragment` where bytes were kept: it is to be written by orjson.
        """
        conditions = tuple(variables.coerced[name] for name in self.conditions)
        plan = self._plan(conditions)
        if arguments is None or self.plans.get(conditions) is not plan:
            arguments = {}  # a plan that is not kept is another one the next time
        run = _Run(context, variables, arguments)
        try:
            data: dict[str, Any] | None = plan.run(run, None, None)
        except _NullReached:
            data = None
        return ExecutionResult(data, run.errors or None)

    def _plan(self, conditions: tuple[bool, ...]) -> _ObjectPlan:
        plan = self.plans.get(conditions)
        if plan is None:
            plan = self.compile(dict(zip(self.conditions, conditions, strict=True)))
            if len(self.plans) < MAXIMUM_PLANS:
                self.plans[conditions] = plan
        return plan


def compile_operation(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
) -> CompiledOperation | None:
    """Return the plans of a valid query or mutation (acts in order), or None for one with introspection."""
    root = schema.get_root_type(operation.operation)
    if root is None or operation.operation is OperationType.SUBSCRIPTION:
        return None
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}

    def compile_with(conditions: Mapping[str, bool]) -> _ObjectPlan:
        return _Compiler(schema, fragments, conditions).selection([operation.selection_set], root)

    try:
        conditions = tuple(dict.fromkeys(_conditions(operation.selection_set, fragments, set())))
        # with every part of it in, what cannot be compiled is found now
        whole = _Compiler(schema, fragments, None)
        whole.selection([operation.selection_set], root)
    except _NotCompiled:
        return None
    return CompiledOperation(compile_with, conditions, frozenset(whole.resolved))


def _conditions(selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], seen: set[str]) -> Iterable[str]:
    """Yield the variables that directives of an operation name. Raises: _NotCompiled."""
    for node in selections.selections:
        for directive in node.directives or ():
            condition = _condition(directive)
            if isinstance(condition, VariableNode):
                yield condition.name.value
        if isinstance(node, FragmentSpreadNode):
            if node.name.value in seen:
                continue
            seen.add(node.name.value)
            if fragments[node.name.value].directives:
                raise _NotCompiled
            yield from _conditions(fragments[node.name.value].selection_set, fragments, seen)
        elif isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set is not None:
            yield from _conditions(node.selection_set, fragments, seen)


def _condition(directive: DirectiveNode) -> BooleanValueNode | VariableNode:
    given = directive.arguments[0].value if directive.arguments else None
    if directive.name.value not in CONDITIONS or not isinstance(given, BooleanValueNode | VariableNode):
        raise _NotCompiled
    return given


class _NotCompiled(Exception):
    """The document uses something that is left to graphql-core."""


@dataclass(slots=True)
class _Compiler:
    """Compiles under the values of a document's conditions; None takes everything in."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    conditions: Mapping[str, bool] | None
    classes: dict[type, str] = field(default_factory=dict)
    keeping: set[str] = field(default_factory=set)
    """Types whose objects carry a `Written`."""
    resolved: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for kind in self.schema.type_map.values():
            definition = kind.extensions.get(BACKREF) if isinstance(kind, GraphQLObjectType) else None
            if definition is not None:
                self.classes[definition.origin] = kind.name
                if is_dataclass(definition.origin) and any(one.name == WRITTEN for one in fields(definition.origin)):
                    self.keeping.add(kind.name)

    def selection(self, sets: list[SelectionSetNode], parent: GraphQLObjectType) -> _ObjectPlan:
        """Return the plan of merged selections on an object type."""
        collected: dict[str, list[FieldNode]] = {}
        seen: set[str] = set()
        for selections in sets:
            self._collect(selections, parent, collected, seen)
        plans = [self._field(key, nodes, parent) for key, nodes in collected.items()]
        return _ObjectPlan(parent.name, plans, parent.name in self.keeping)

    def _collect(
        self, selections: SelectionSetNode, parent: GraphQLObjectType, collected: dict[str, list[FieldNode]], seen: set[str]
    ) -> None:
        for node in selections.selections:
            if not self._taken(node):
                continue
            if isinstance(node, FieldNode):
                collected.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                if self._applies(node, parent):
                    self._collect(node.selection_set, parent, collected, seen)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                fragment = self.fragments[node.name.value]
                if self._applies(fragment, parent):
                    self._collect(fragment.selection_set, parent, collected, seen)

    def _taken(self, node: SelectionNode) -> bool:
        """Whether the directives of a selection let it in, in graphql-core's order: `@skip` wins."""
        if self.conditions is None:
            return True
        for directive in node.directives or ():
            given = _condition(directive)
            value = self.conditions[given.name.value] if isinstance(given, VariableNode) else given.value
            if value is (directive.name.value == "skip"):
                return False
        return True

    def _applies(self, fragment: InlineFragmentNode | FragmentDefinitionNode, parent: GraphQLObjectType) -> bool:
        if fragment.type_condition is None:
            return True
        on = self.schema.type_map[fragment.type_condition.name.value]
        return on is parent or (isinstance(on, GraphQLInterfaceType | GraphQLUnionType) and self.schema.is_sub_type(on, parent))

    def _field(self, key: str, nodes: list[FieldNode], parent: GraphQLObjectType) -> _FieldPlan:
        name = nodes[0].name.value
        if name == "__typename":
            said = _constant(parent.name)
            return _FieldPlan(
                key, name, "__class__", None, _no_resolver, None, TYPENAME, tuple(nodes), said, nullable=False, constant=True
            )
        if name.startswith("__"):
            raise _NotCompiled
        definition = parent.fields[name]
        described = definition.extensions.get(BACKREF)
        basic = described is not None and described.base_resolver is None
        if not basic:
            self.resolved.add(f"{parent.name}.{name}")
        kind = definition.type
        nullable = not isinstance(kind, GraphQLNonNull)
        inner = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        plain = PLAIN.get(getattr(inner, "name", ""))
        complete, constant = self._completer(inner, nodes)
        return _FieldPlan(
            key,
            name,
            described.python_name if basic else None,
            plain,
            definition.resolve or _no_resolver,
            _resolver_of(self.schema, described),
            definition,
            tuple(nodes),
            complete,
            nullable,
            constant and basic,
        )

    def _completer(self, kind: Any, nodes: list[FieldNode]) -> tuple[Completer, bool]:
        """Return what completes a value, and whether the value alone decides what is written."""
        if isinstance(kind, GraphQLList):
            return self._list(kind, nodes)
        if is_leaf_type(kind):
            return _leaf(kind), True
        sets = [node.selection_set for node in nodes if node.selection_set is not None]
        if isinstance(kind, GraphQLObjectType):
            plan = self.selection(sets, kind)
            return plan.run, _is_constant(plan)
        return self._abstract(kind, sets)

    def _list(self, kind: GraphQLList[Any], nodes: list[FieldNode]) -> tuple[Completer, bool]:
        item = kind.of_type
        required = isinstance(item, GraphQLNonNull)
        complete, constant = self._completer(item.of_type if required else item, nodes)

        def run(run: _Run, value: Any, path: Path | None) -> list[Any]:
            return [_item(complete, required, nodes, run, one, Path(path, at, None)) for at, one in enumerate(value)]

        return run, constant

    def _abstract(self, kind: GraphQLAbstractType, sets: list[SelectionSetNode]) -> tuple[Completer, bool]:
        plans = {possible.name: self.selection(sets, possible) for possible in self.schema.get_possible_types(kind)}
        classes = {origin: plans[name] for origin, name in self.classes.items() if name in plans}

        def run(run: _Run, value: Any, path: Path | None) -> Any:
            plan = classes.get(type(value))
            if plan is None:
                raise TypeError(f"{type(value).__name__} is no {kind.name}")
            return plan.run(run, value, path)

        return run, all(map(_is_constant, plans.values()))


def _is_constant(plan: _ObjectPlan) -> bool:
    return all(one.constant for one in plan.fields)


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
        arguments = run.arguments.get(plan)
        if arguments is None:
            arguments = get_argument_values(plan.definition, plan.nodes[0], run.variables)
            arguments = run.arguments[plan] = arguments if plan.resolver is None else plan.resolver.given(arguments)
        raw = _RawInfo(run.context, plan.name, run.variables.coerced)
        value = plan.resolve(source, raw, **arguments) if plan.resolver is None else plan.resolver.call(source, raw, arguments)
        return _value(plan, parent, run, value, here)
    except _NullReached:
        return _null_or_raise(plan)
    except Exception as error:  # noqa: BLE001 - whatever a resolver raises is located, and masked by the endpoint
        return _failed(plan, run, error, here)


def _once(plan: _FieldPlan, parent: str, run: _Run, value: Any, path: Path | None, written: Written) -> Any:
    """Return the bytes of a held value, completed now if they were not before. What went wrong is not kept."""
    piece = written.get(plan, value)
    if piece is None:
        before, run.keeping = len(run.errors), False
        try:
            completed = _completed(plan, parent, run, value, path)
        finally:
            run.keeping = True
        if len(run.errors) > before:
            return completed
        piece = orjson.dumps(completed)
        written.put(plan, value, piece)
    return orjson.Fragment(piece)


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
