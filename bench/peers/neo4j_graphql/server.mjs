// The ready-made alternative: @neo4j/graphql generates the API from these types, Apollo Server serves it, Neo4j answers.
// Reads where the database is from database.json beside it, takes a free port on loopback and tells it.
import { readFile } from "node:fs/promises";
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

const { uri, user, password } = JSON.parse(await readFile("database.json", "utf8"));
const driver = neo4j.driver(uri, neo4j.auth.basic(user, password));
const generated = new Neo4jGraphQL({ typeDefs, driver });
const server = new ApolloServer({ schema: await generated.getSchema(), nodeEnv: "production" });
const { url } = await startStandaloneServer(server, { listen: { host: "127.0.0.1", port: 0 } });
console.log(`listening ${new URL(url).port}`);
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, async () => {
    await server.stop();
    await driver.close();
    process.exit(0);
  });
}
