// The ready-made alternative: @neo4j/graphql generates the API from these types, Apollo Server serves it, Neo4j answers.
// Reads NEO4J_URI, NEO4J_USER and NEO4J_PASSWORD, takes a free port on loopback and tells it on its first line.
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { Neo4jGraphQL } from "@neo4j/graphql";
import neo4j from "neo4j-driver";

const typeDefs = `#graphql
  type Supplier @node {
    id: ID!
    display_name: String
  }

  type Product @node {
    id: ID!
    display_name: String
    suppliers: [Supplier!]! @relationship(type: "suppliedBy", direction: OUT)
    substitutes: [Product!]! @relationship(type: "isSubstituteFor", direction: IN, properties: "Evidence")
  }

  type Evidence @relationshipProperties {
    strength: Float
    low: Float
    high: Float
    unit: String
    scope: String
    events: Int
    support: Int
    grade: String
  }
`;

const { NEO4J_URI, NEO4J_USER, NEO4J_PASSWORD } = process.env;
const driver = neo4j.driver(NEO4J_URI, neo4j.auth.basic(NEO4J_USER, NEO4J_PASSWORD));
const generated = new Neo4jGraphQL({ typeDefs, driver });
const server = new ApolloServer({ schema: await generated.getSchema() });
const { url } = await startStandaloneServer(server, { listen: { host: "127.0.0.1", port: 0 } });
console.log(`listening ${new URL(url).port}`);
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, async () => {
    await server.stop();
    await driver.close();
    process.exit(0);
  });
}
