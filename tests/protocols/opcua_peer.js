// An OPC UA server that is not asyncua, for the interoperation tests: node-opcua with 20 variables.
// node opcua_peer.js PORT FOLDER TRUST; commands on the standard input: set NAME VALUE, status NAME CODE, count NAME UNTIL MS FIRST.
"use strict";
const readline = require("readline");
const path = require("path");
const { createRequire } = require("module");
const from = createRequire(path.join(process.env.NODE_OPCUA, "node-opcua-server/package.json"));
const { OPCUAServer } = require(path.join(process.env.NODE_OPCUA, "node-opcua-server"));
const { OPCUACertificateManager } = from("node-opcua-certificate-manager");
const { MessageSecurityMode, SecurityPolicy } = from("node-opcua-secure-channel");
const { StatusCodes } = from("node-opcua-status-code");
const { DataType } = from("node-opcua-variant");

const [port, folder, trust] = process.argv.slice(2);

async function main() {
    const server = new OPCUAServer({
        port: Number(port),
        hostname: "127.0.0.1",
        certificateFile: path.join(folder, "server.pem"),
        privateKeyFile: path.join(folder, "server.key"),
        serverCertificateManager: new OPCUACertificateManager({
            rootFolder: path.join(folder, "pki"), automaticallyAcceptUnknownCertificate: trust === "trust",
        }),
        securityModes: [MessageSecurityMode.None, MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt],
        securityPolicies: [
            SecurityPolicy.None, SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes128_Sha256_RsaOaep,
            SecurityPolicy.Aes256_Sha256_RsaPss,
        ],
        userManager: { isValidUser: (user, password) => user === "gw1" && password === "secret" },
        buildInfo: { productName: "Peer", softwareVersion: "1.2", buildNumber: "3", manufacturerName: "Interop" },
    });
    await server.initialize();
    const space = server.engine.addressSpace;
    const own = space.registerNamespace("urn:test");
    const nodes = {};
    const add = (name, kind, value) => {
        nodes[name] = own.addVariable({
            organizedBy: space.rootFolder.objects, browseName: name, nodeId: `s=${name}`, dataType: DataType[kind],
        });
        nodes[name].kind = DataType[kind];
        nodes[name].setValueFromSource({ dataType: nodes[name].kind, value });
    };
    for (let n = 0; n < 20; n++) add(`n${n}`, "Double", n);
    add("on", "Boolean", true);
    add("tap", "Int32", 7);
    add("text", "String", "closed");
    await server.start();
    console.log(`ready ${own.index}`);
    readline.createInterface({ input: process.stdin }).on("line", (line) => {
        const [word, name, value, every, first] = line.split(" ");
        const node = nodes[name];
        if (word === "set") node.setValueFromSource({ dataType: node.kind, value: Number(value) });
        if (word === "status") node.setValueFromSource({ dataType: node.kind, value: 1 }, StatusCodes[value]);
        if (word === "count") {
            let next = Number(first || 0);
            const timer = setInterval(() => {
                node.setValueFromSource({ dataType: node.kind, value: next });
                if (++next > Number(value)) clearInterval(timer);
            }, Number(every));
        }
        console.log("done");
    });
}
main().catch((error) => { console.error(error); process.exit(1); });
